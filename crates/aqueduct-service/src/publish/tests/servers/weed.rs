//! SeaweedFS: one process with all its parts, in a folder of its own, that talks to nobody else.

use std::path::{Path as FilePath, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::*;

/// The longest that a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

pub(super) struct Weed {
    program: PathBuf,
    folder: tempfile::TempDir,
    ports: [u16; 8],
    /// Killed when it is dropped.
    child: Option<Child>,
}

impl Weed {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identities = json!({ "identities": [{
            "name": "test",
            "credentials": [{ "accessKey": KEY, "secretKey": SECRET }],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        std::fs::write(folder.path().join("s3.json"), identities.to_string()).unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let mut server = Self { program: program(), folder, ports: free_ports(), child: None };
        server.start().await;
        // A bucket is a folder of the filer.
        let answer = request(server.ports[4], &format!("POST /buckets/{BUCKET}/")).await;
        assert!(answer.is_some_and(|status| status < 300), "{answer:?}");
        server
    }

    fn s3_port(&self) -> u16 {
        self.ports[6]
    }
}

impl Server for Weed {
    fn port(&self) -> u16 {
        self.s3_port()
    }

    fn start(&mut self) -> Done<'_> {
        Box::pin(async {
            let log = std::fs::File::options()
                .create(true)
                .append(true)
                .open(self.folder.path().join("log"))
                .unwrap();
            let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] = self.ports;
            let at = |name: &str| self.folder.path().join(name).display().to_string();
            let child = Command::new(&self.program)
                .arg("server")
                .args([format!("-dir={}", at("data")), "-ip=127.0.0.1".into(), "-ip.bind=127.0.0.1".into()])
                .args([format!("-master.port={master}"), format!("-master.port.grpc={master_grpc}")])
                .args([
                    "-master.telemetry=false",
                    "-master.electionTimeout=1s",
                    "-master.volumeSizeLimitMB=64",
                    "-volume.max=30",
                ])
                .args([format!("-volume.port={volume}"), format!("-volume.port.grpc={volume_grpc}")])
                .args([
                    "-filer=true".into(),
                    format!("-filer.port={filer}"),
                    format!("-filer.port.grpc={filer_grpc}"),
                ])
                .args(["-s3=true".into(), format!("-s3.port={s3}"), format!("-s3.port.grpc={s3_grpc}")])
                .args([
                    "-s3.port.iceberg=0".into(),
                    "-s3.port.lance=0".into(),
                    format!("-s3.config={}", at("s3.json")),
                ])
                .args(["-s3.autoCreateBucket=false", "-webdav=false"])
                .args([
                    format!("-filer.localSocket={}", at("filer.sock")),
                    format!("-s3.localSocket={}", at("s3.sock")),
                ])
                .current_dir(self.folder.path())
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            self.child = Some(child);
            let started = Instant::now();
            // Refusing an unsigned request is a sign of life.
            while request(s3, "GET /").await != Some(403)
                || request(master, "GET /dir/assign").await != Some(200)
            {
                let ended = self.child.as_mut().unwrap().try_wait().unwrap();
                if ended.is_some() || started.elapsed() > START {
                    panic!("weed did not start: {}", std::fs::read_to_string(at("log")).unwrap());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    fn stop(&mut self) -> Done<'_> {
        Box::pin(async {
            if let Some(mut child) = self.child.take() {
                child.kill().await.unwrap();
            }
        })
    }
}

/// `weed`, from `AQUEDUCT_WEED`, the repository's tools, or the path.
fn program() -> PathBuf {
    let tools = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/tools/bin/weed");
    let named = std::env::var_os("AQUEDUCT_WEED").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("weed"));
    named.into_iter().chain([tools]).chain(on_path).find(|program| program.is_file()).expect(
        "this test needs SeaweedFS: run scripts/setup.sh, or name the program `weed` in AQUEDUCT_WEED",
    )
}

/// The status of one HTTP request without a body; `None` without an answer.
async fn request(port: u16, what: &str) -> Option<u16> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let text = format!(
        "{what} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(text.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.ok()?;
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}
