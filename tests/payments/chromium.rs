//! A real browser: Chromium without a window, driven over the WebDriver protocol (w3.org/TR/webdriver2).
//!
//! The few calls are made here, without a client crate: such crates switch on features of our dependencies
//! (`preserve_order` of `serde_json`), so the tests would run another program than the shipped one.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::until;

/// The JSON name of an element's id (w3.org/TR/webdriver2/#elements).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

static COUNT: AtomicUsize = AtomicUsize::new(0);

pub struct Browser {
    http: reqwest::Client,
    /// The session's own address at the driver.
    session: String,
    process: Process,
}

/// The driver, its child processes, and the profile that they share.
struct Process {
    child: Child,
    /// It stays open, because the driver writes to it.
    output: BufReader<ChildStdout>,
    profile: PathBuf,
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process group has the driver's number; Chromium belongs to it.
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{name} is missing; install the browser with: apt-get install chromium chromium-driver")
    })
}

impl Process {
    /// Starts the driver on a free port, and reads the port from its output.
    fn start() -> (Self, String) {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let profile = std::env::temp_dir().join(format!("topup-browser-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&profile).unwrap();
        let mut child = Command::new(program("chromedriver"))
            .arg("--port=0")
            .env("HOME", &profile)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, output, profile };
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(process.output.read_line(&mut line).unwrap(), 0, "chromedriver has ended");
            if let Some((_, port)) = line.trim_end().trim_end_matches('.').rsplit_once("started successfully on port ")
            {
                let url = format!("http://127.0.0.1:{port}");
                return (process, url);
            }
        }
    }
}

impl Browser {
    pub async fn open() -> Self {
        let (process, url) = tokio::task::spawn_blocking(Process::start).await.unwrap();
        let options = json!({
            "binary": program("chromium"),
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--window-size=1000,1000", "--no-proxy-server",
                format!("--user-data-dir={}", process.profile.display()),
            ],
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}});
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let mut browser = Self { http, session: format!("{url}/session"), process };
        let session = browser.call(Method::POST, "", &wanted).await.unwrap();
        browser.session = format!("{url}/session/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    /// Sends one command. The error is the driver's own text.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::POST { request.json(body) } else { request };
        let answer = request.send().await.unwrap();
        let failed = !answer.status().is_success();
        let answer: Value = answer.json().await.unwrap();
        if failed { Err(answer["value"]["message"].to_string()) } else { Ok(answer["value"].clone()) }
    }

    pub async fn goto(&self, url: &str) {
        self.call(Method::POST, "/url", &json!({"url": url})).await.unwrap();
    }

    /// Waits until the first matching element is visible and accepts a command, and sends it.
    async fn at(&self, selector: &str, method: Method, command: &str, body: &Value) -> Value {
        until(&format!("{command} at {selector}"), async || {
            let by = json!({"using": "css selector", "value": selector});
            let found = self.call(Method::POST, "/element", &by).await.ok()?;
            let element = format!("/element/{}", found[ELEMENT].as_str()?);
            let seen = self.call(Method::GET, &format!("{element}/displayed"), &Value::Null).await.ok()?;
            if seen != true {
                return None;
            }
            self.call(method.clone(), &format!("{element}/{command}"), body).await.ok()
        })
        .await
    }

    pub async fn click(&self, selector: &str) {
        self.at(selector, Method::POST, "click", &json!({})).await;
    }

    pub async fn write(&self, selector: &str, text: &str) {
        self.at(selector, Method::POST, "value", &json!({"text": text})).await;
    }

    pub async fn text(&self, selector: &str) -> String {
        self.at(selector, Method::GET, "text", &Value::Null).await.as_str().unwrap().to_owned()
    }

    pub async fn address(&self) -> String {
        self.call(Method::GET, "/url", &Value::Null).await.unwrap().as_str().unwrap().to_owned()
    }

    /// Prints a page on sheets of A4, as PDF.
    pub async fn print(&self, html: &str) -> Vec<u8> {
        self.goto(&format!("data:text/html;base64,{}", STANDARD.encode(html))).await;
        let sheets = json!({"page": {"width": 21.0, "height": 29.7}, "background": true});
        let printed = self.call(Method::POST, "/print", &sheets).await.unwrap();
        STANDARD.decode(printed.as_str().unwrap()).unwrap()
    }

    /// The characters of the page that no font of this machine has. Each is drawn as the box that stands for a private
    /// character, which no font has.
    pub async fn missing_glyphs(&self) -> String {
        let script = r"
            const canvas = document.createElement('canvas');
            canvas.width = canvas.height = 64;
            const pen = canvas.getContext('2d', { willReadFrequently: true });
            pen.font = `32px ${getComputedStyle(document.body).fontFamily}`;
            const drawn = text => {
                pen.clearRect(0, 0, 64, 64);
                pen.fillText(text, 8, 48);
                return canvas.toDataURL();
            };
            const box = drawn('\u{10fffd}');
            if (box === drawn(' ')) return null;
            const shown = new Set(document.body.innerText.replace(/\s/g, ''));
            return [...shown].filter(character => drawn(character) === box).join('');
        ";
        let found = self.call(Method::POST, "/execute/sync", &json!({"script": script, "args": []})).await.unwrap();
        found.as_str().unwrap_or_else(|| panic!("a character that no font has leaves nothing to see")).to_owned()
    }

    /// Saves a picture of the page for people.
    pub async fn photograph(&self, name: &str) {
        let picture = self.call(Method::GET, "/screenshot", &Value::Null).await.unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), STANDARD.decode(picture.as_str().unwrap()).unwrap())
            .unwrap();
    }

    pub async fn close(self) {
        self.call(Method::DELETE, "", &Value::Null).await.unwrap();
        drop(self.process);
    }
}
