//! A web service that publishes uploads: `POST /NAME` takes a video and answers with one JSON line per event.
//! All uploads share one pool of threads, so ten at once are slower each, not ten times the load.
//!
//! ```text
//! cargo run --release --example embed_in_a_service -- published 127.0.0.1:8080
//! curl --data-binary @film.mp4 http://127.0.0.1:8080/film
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use aqueduct::{Control, MemorySource, Presentation, Settings, Source};
use aqueduct_service::{CancellationToken, Destination, Publish, StoreOptions};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};

/// Bytes of memory that encoding one upload may take.
const SHARE: u64 = 1_000_000_000;

#[derive(Clone)]
struct Studio {
    folder: PathBuf,
    pool: Arc<rayon::ThreadPool>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, address] = arguments.as_slice() else {
        return Err("usage: embed_in_a_service FOLDER ADDRESS".into());
    };
    let studio = Studio { folder: folder.into(), pool: Arc::new(rayon::ThreadPoolBuilder::new().build()?) };
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let app = Router::new()
        .route("/{name}", post(publish))
        .layer(DefaultBodyLimit::max(1 << 30))
        .with_state(studio);
    Ok(axum::serve(listener, app).await?)
}

/// Answers 400 when the name or the upload is no good; after that, with events as they come.
async fn publish(
    State(studio): State<Studio>,
    Path(name): Path<String>,
    upload: Bytes,
) -> Result<Body, (StatusCode, String)> {
    let refuse = |error: &dyn std::fmt::Display| (StatusCode::BAD_REQUEST, format!("{error}\n"));
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(refuse(&"a name is made of letters, digits and hyphens"));
    }
    // Probing and planning block: they read, and decode a moment of sound.
    let presentation = tokio::task::spawn_blocking(move || {
        let source: Arc<dyn Source> = Arc::new(MemorySource::new(upload, "the upload"));
        let index = Arc::new(aqueduct::probe(&source)?);
        Presentation::encoding(source, index, Settings::default(), &Control::new())
    });
    let (presentation, _) =
        presentation.await.map_err(|error| refuse(&error))?.map_err(|error| refuse(&error))?;
    let folder = studio.folder.join(name).display().to_string();
    let destination =
        Destination::parse(&folder, &StoreOptions::default()).map_err(|error| refuse(&error))?;

    let (events, lines) = mpsc::unbounded_channel::<String>();
    tokio::spawn(async move {
        let watched = events.clone();
        // A client that went away does not stop the work: whoever asks again finds it done.
        let observer = Arc::new(move |event| {
            let _ = watched.send(serde_json::to_string(&event).unwrap_or_default());
        });
        // One pool bounds the threads of all, and each upload has its own share of the memory.
        let publish = Publish::new(presentation, destination).pool(studio.pool).max_memory(SHARE);
        if let Err(error) = publish.run(observer, CancellationToken::new()).await {
            let _ =
                events.send(serde_json::json!({"event": "failed", "error": error.to_string()}).to_string());
        }
    });
    Ok(Body::from_stream(
        UnboundedReceiverStream::new(lines).map(|line| Ok::<_, std::convert::Infallible>(line + "\n")),
    ))
}
