//! Against a server that answers as the documentation shows, and refuses what
//! the documentation does not.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use entrada_ambient::{ManualClock, NetworkOptions, SystemRandom, http_client};
use http::StatusCode;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;

/// What the server does next instead of answering.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Status(u16),
    Silence,
    Garbage,
    Flood,
    Gaps,
}

#[derive(Debug, Default)]
struct Server {
    searches: AtomicUsize,
    forecasts: AtomicUsize,
    trouble: Mutex<Vec<Trouble>>,
}

type Parameters = Query<BTreeMap<String, String>>;

/// The documented error, status 400.
fn refuse(reason: &str) -> Response {
    let body = json!({"error": true, "reason": reason});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn place(name: &str, country: (&str, &str), admin1: &str, latitude: f64) -> Value {
    json!({
        "id": 2_267_057, "name": name, "latitude": latitude, "longitude": -9.133_33,
        "elevation": 45.0, "feature_code": "PPLC", "country_code": country.0,
        "admin1_id": 2_267_056, "timezone": "Europe/Lisbon", "population": 517_802,
        "country_id": 2_264_397, "country": country.1, "admin1": admin1,
    })
}

async fn search(State(server): State<Arc<Server>>, Query(query): Parameters) -> Response {
    server.searches.fetch_add(1, Ordering::Relaxed);
    for (name, value) in &query {
        let good = match name.as_str() {
            "name" => true,
            "count" => (1..=100).contains(&value.parse().unwrap_or(0)),
            "language" => value.len() == 2,
            "format" => value == "json",
            _ => false,
        };
        if !good {
            return refuse(&format!("Parameter {name}={value} is not documented."));
        }
    }
    let Some(name) = query.get("name") else {
        return refuse("Parameter name is required.");
    };
    let us = ("US", "United States");
    let results = match name.to_lowercase().as_str() {
        "lisbon" => vec![place("Lisbon", ("PT", "Portugal"), "Lisbon", 38.716_67)],
        "springfield" => vec![
            place("Springfield", us, "Missouri", 37.215_33),
            place("Springfield", us, "Illinois", 39.801_72),
        ],
        // Without a match the member is not there at all.
        _ => return Json(json!({"generationtime_ms": 0.5})).into_response(),
    };
    Json(json!({"results": results, "generationtime_ms": 0.5})).into_response()
}

const CURRENT: [&str; 4] = [
    "temperature_2m",
    "relative_humidity_2m",
    "weather_code",
    "wind_speed_10m",
];
const DAILY: [&str; 4] = [
    "weather_code",
    "temperature_2m_max",
    "temperature_2m_min",
    "precipitation_probability_max",
];

fn forecast_fault(query: &BTreeMap<String, String>) -> Option<String> {
    let known = |list: &str, names: &[&str]| list.split(',').all(|name| names.contains(&name));
    for (name, value) in query {
        let number: f64 = value.parse().unwrap_or(f64::NAN);
        let good = match name.as_str() {
            "latitude" => (-90.0..=90.0).contains(&number),
            "longitude" => (-180.0..=180.0).contains(&number),
            "current" => known(value, &CURRENT),
            "daily" => known(value, &DAILY),
            "timezone" => value == "auto",
            "forecast_days" => (0.0..=16.0).contains(&number),
            _ => false,
        };
        if !good {
            return Some(format!("Value of {name} is invalid: {value}."));
        }
    }
    ["latitude", "longitude", "timezone"]
        .iter()
        .find(|name| !query.contains_key(**name))
        .map(|name| format!("Parameter '{name}' is required."))
}

async fn forecast(State(server): State<Arc<Server>>, Query(query): Parameters) -> Response {
    server.forecasts.fetch_add(1, Ordering::Relaxed);
    let trouble = server.trouble.lock().unwrap().pop();
    match trouble {
        Some(Trouble::Status(status)) => {
            return (StatusCode::from_u16(status).unwrap(), "trouble").into_response();
        }
        Some(Trouble::Silence) => std::future::pending().await,
        Some(Trouble::Garbage) => return "{".into_response(),
        Some(Trouble::Flood) => return " ".repeat(10 * 1024 * 1024).into_response(),
        Some(Trouble::Gaps) | None => {}
    }
    if let Some(fault) = forecast_fault(&query) {
        return refuse(&fault);
    }
    let temperature = if matches!(trouble, Some(Trouble::Gaps)) {
        Value::Null
    } else {
        json!(18.4)
    };
    Json(json!({
        "latitude": 38.7, "longitude": -9.1, "generationtime_ms": 0.1,
        "utc_offset_seconds": 3600, "timezone": "Europe/Lisbon", "timezone_abbreviation": "WEST",
        "elevation": 45.0,
        "current_units": {"time": "iso8601", "interval": "seconds", "temperature_2m": "°C"},
        "current": {
            "time": "2026-06-01T00:15", "interval": 900, "temperature_2m": temperature,
            "relative_humidity_2m": 72, "weather_code": 61, "wind_speed_10m": 12.3,
        },
        "daily_units": {"time": "iso8601"},
        "daily": {
            "time": ["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05"],
            "weather_code": [0, 3, 45, 73, 99],
            "temperature_2m_max": [21.0, 22.1, 23.2, 24.3, 25.4],
            "temperature_2m_min": [11.0, 12.1, 13.2, 14.3, 15.4],
            "precipitation_probability_max": [5, 10, null, 20, 100],
        },
    }))
    .into_response()
}

struct World {
    server: Arc<Server>,
    clock: Arc<ManualClock>,
    weather: Arc<OpenMeteo>,
}

async fn world() -> World {
    let server = Arc::new(Server::default());
    let router = Router::new()
        .route("/base/v1/forecast", get(forecast))
        .route("/v1/search", get(search))
        .with_state(server.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let clock = Arc::new(ManualClock::at(datetime!(2026-06-01 12:00 UTC)));
    let urls = OpenMeteoUrls {
        forecast: format!("http://{address}/base/").parse().unwrap(),
        geocoding: format!("http://{address}").parse().unwrap(),
    };
    let http = http_client(&NetworkOptions::default()).unwrap();
    let weather = OpenMeteo::new(urls, http, clock.clone(), Arc::new(SystemRandom));
    World {
        server,
        clock,
        weather: Arc::new(weather),
    }
}

impl World {
    /// Troubles of the next forecasts, the first last.
    fn trouble(&self, troubles: &[Trouble]) {
        *self.server.trouble.lock().unwrap() = troubles.to_vec();
    }

    fn asked(&self) -> (usize, usize) {
        (
            self.server.searches.load(Ordering::Relaxed),
            self.server.forecasts.load(Ordering::Relaxed),
        )
    }
}

#[tokio::test]
async fn weather_and_forecast_are_those_of_the_documented_answer() {
    let world = world().await;
    let now = world.weather.now("Lisbon").await.unwrap();
    assert_eq!(
        now,
        Conditions {
            city: "Lisbon, Portugal".to_owned(),
            temperature_celsius: 18.4,
            humidity_percent: 72,
            wind_kmh: 12.3,
            condition: Sky::Rain,
            observed_at: "2026-05-31T23:15:00Z".to_owned(),
            source: SOURCE.to_owned(),
        }
    );
    let days = world.weather.forecast("Lisbon", 4).await.unwrap();
    let skies: Vec<Sky> = days.iter().map(|day| day.condition).collect();
    assert_eq!(skies, [Sky::Clear, Sky::Cloudy, Sky::Fog, Sky::Snow]);
    assert_eq!(days[2].precipitation_percent, None);
    assert_eq!(days[3].precipitation_percent, Some(20));
}

#[tokio::test]
async fn a_place_is_asked_about_once_in_ten_minutes() {
    let world = world().await;
    for city in ["Lisbon", " lisbon ", "LISBON"] {
        world.weather.now(city).await.unwrap();
        world.weather.forecast(city, 5).await.unwrap();
    }
    assert_eq!(world.asked(), (1, 1));
    world.clock.advance(KEPT);
    world.weather.now("Lisbon").await.unwrap();
    assert_eq!(world.asked(), (2, 2));
}

#[tokio::test]
async fn callers_at_the_same_moment_share_one_question() {
    let world = world().await;
    let callers = (0..50).map(|_| {
        let weather = world.weather.clone();
        tokio::spawn(async move { weather.now("Lisbon").await.unwrap() })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    assert_eq!(world.asked(), (1, 1));
}

#[tokio::test]
async fn where_a_place_lies_decides_among_its_namesakes() {
    let world = world().await;
    let place = async |city: &str| {
        let wanted = Wanted::parse(city).unwrap();
        world.weather.find(&wanted).await.unwrap()
    };
    let latitude = |place: Option<Place>| place.map(|place| place.latitude);
    assert_eq!(latitude(place("Springfield").await), Some(37.215_33));
    assert_eq!(
        latitude(place("springfield, illinois, US").await),
        Some(39.801_72)
    );
    assert_eq!(latitude(place("Springfield, Portugal").await), None);
}

#[tokio::test]
async fn an_unknown_place_is_remembered_and_an_empty_name_not_asked() {
    let world = world().await;
    for _ in 0..2 {
        let error = world.weather.now("Nowhere at all").await.unwrap_err();
        assert_eq!(error, WeatherError::UnknownPlace);
    }
    assert_eq!(world.asked(), (1, 0));
    let error = world.weather.now(" , ,").await.unwrap_err();
    assert_eq!(error, WeatherError::UnknownPlace);
    assert_eq!(world.asked(), (1, 0));
}

#[tokio::test]
async fn two_failures_pass_and_three_are_told() {
    let world = world().await;
    world.trouble(&[Trouble::Status(503), Trouble::Status(500)]);
    assert!(world.weather.now("Lisbon").await.is_ok());
    assert_eq!(world.asked().1, 3);
    world.clock.advance(KEPT);
    world.trouble(&[Trouble::Status(503); 9]);
    let error = world.weather.now("Lisbon").await.unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(world.asked().1, 6);
}

#[tokio::test]
async fn a_failure_stands_for_a_moment_and_no_longer() {
    let world = world().await;
    world.trouble(&[Trouble::Garbage]);
    assert!(world.weather.now("Lisbon").await.is_err());
    assert!(world.weather.now("Lisbon").await.is_err());
    assert_eq!(world.asked().1, 1);
    world.clock.advance(FAILURE_KEPT);
    assert!(world.weather.now("Lisbon").await.is_ok());
}

#[tokio::test]
async fn refusals_and_undocumented_answers_are_not_asked_again() {
    let world = world().await;
    for trouble in [
        Trouble::Status(429),
        Trouble::Status(400),
        Trouble::Garbage,
        Trouble::Flood,
        Trouble::Gaps,
    ] {
        let before = world.asked().1;
        world.trouble(&[trouble]);
        let error = world.weather.now("Lisbon").await.unwrap_err();
        assert!(matches!(error, WeatherError::Unavailable(_)), "{trouble:?}");
        assert_eq!(world.asked().1, before + 1, "{trouble:?}");
        world.clock.advance(FAILURE_KEPT);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_service_is_waited_for_five_seconds_in_all() {
    let world = world().await;
    world.trouble(&[Trouble::Silence; 9]);
    let error = world.weather.now("Lisbon").await.unwrap_err();
    assert!(error.to_string().contains("five seconds"), "{error}");
    assert_eq!(world.asked().1, 2);
}

#[test]
fn every_documented_code_has_a_word() {
    let documented = [
        0, 1, 2, 3, 45, 48, 51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 71, 73, 75, 77, 80, 81, 82, 85,
        86, 95, 96, 99,
    ];
    for code in 0..200 {
        let known = sky(Some(f64::from(code))) != Sky::Unknown;
        assert!(known || !documented.contains(&code), "{code}");
    }
    assert_eq!(sky(None), Sky::Unknown);
    assert_eq!(sky(Some(4.0)), Sky::Unknown);
}
