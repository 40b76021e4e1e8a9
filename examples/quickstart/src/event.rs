//! A GeoJSON feature, as the USGS publishes earthquakes.

use serde::Deserialize;

/// One earthquake.
#[derive(Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) properties: Properties,
    pub(crate) geometry: Geometry,
}

/// The magnitude, the place and the time.
#[derive(Deserialize)]
pub(crate) struct Properties {
    /// Small ones may have no magnitude.
    pub(crate) mag: Option<f64>,
    pub(crate) place: Option<String>,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
}

/// The location.
#[derive(Deserialize)]
pub(crate) struct Geometry {
    /// Longitude and latitude in degrees, depth in kilometres.
    pub(crate) coordinates: (f64, f64, f64),
}
