#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| danube_sink_fuzz::protobuf(data));
