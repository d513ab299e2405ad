//! `s3s-fs` in this process.

use ::s3s::auth::SimpleAuth;
use ::s3s::service::{S3Service, S3ServiceBuilder};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

pub(super) struct S3s {
    /// What it holds, a folder for each bucket.
    pub(super) root: tempfile::TempDir,
    port: u16,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl S3s {
    pub(super) async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let mut server = Self { root, port: 0, task: None };
        server.start().await;
        server
    }

    /// At its port; the first time at one that is free, since another process may take what was free a moment ago.
    async fn listener(&mut self) -> TcpListener {
        loop {
            let port = if self.port == 0 { free_ports::<1>()[0] } else { self.port };
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => {
                    self.port = port;
                    return listener;
                }
                Err(error) => assert!(self.port == 0, "port {port} was taken: {error}"),
            }
        }
    }

    fn service(&self) -> S3Service {
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(self.root.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        service.build()
    }
}

impl Server for S3s {
    fn port(&self) -> u16 {
        self.port
    }

    fn start(&mut self) -> Done<'_> {
        Box::pin(async {
            let listener = self.listener().await;
            let service = self.service();
            self.task = Some(tokio::spawn(async move {
                let mut connections = JoinSet::new();
                while let Ok((socket, _)) = listener.accept().await {
                    let service = service.clone();
                    connections.spawn(async move {
                        let _ = Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(socket), service)
                            .await;
                    });
                }
            }));
        })
    }

    fn stop(&mut self) -> Done<'_> {
        Box::pin(async {
            if let Some(task) = self.task.take() {
                task.abort();
                let _ = task.await;
            }
        })
    }
}
