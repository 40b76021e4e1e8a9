//! The client against the embedded broker, over real sockets.
