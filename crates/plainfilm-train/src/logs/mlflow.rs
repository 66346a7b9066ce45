//! MLflow over its REST interface, version 2.0.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use super::{LogError, MlFlowSettings, Sink, now};
use crate::settings::TrainSettings;
use plainfilm_data::download::agent;

/// For a connection, and for each answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Parameters and metrics in one request; the server takes 100 and 1,000.
const TOGETHER: usize = 100;
/// Longer values of parameters are refused by the server.
const LONGEST: usize = 500;
/// Longer answers are not read.
const MOST_BYTES: u64 = 1 << 20;

/// One run on a server.
pub(super) struct MlFlow {
    agent: Agent,
    address: String,
    run_id: String,
}

impl MlFlow {
    /// Goes on with the run that the settings name, or makes one with the training's settings as parameters, and
    /// writes its name into them.
    pub fn open(
        server: &mut MlFlowSettings,
        name: &str,
        settings: &TrainSettings,
    ) -> Result<Self, LogError> {
        let address = server.address.trim_end_matches('/').to_owned();
        let mut log = Self {
            agent: agent(PATIENCE, std::slice::from_ref(&address)),
            address,
            run_id: server.run_id.clone().unwrap_or_default(),
        };
        if !log.run_id.is_empty() {
            log.post(
                "runs/update",
                &json!({"run_id": log.run_id, "status": "RUNNING"}),
            )?;
            return Ok(log);
        }
        let experiment = log.experiment(&server.experiment)?;
        let answer = log.post(
            "runs/create",
            &json!({
                "experiment_id": experiment,
                "run_name": name,
                "start_time": milliseconds(),
                "tags": [
                    {"key": "plainfilm", "value": env!("CARGO_PKG_VERSION")},
                    {"key": "notice", "value": plainfilm_film::NOT_A_MEDICAL_DEVICE},
                ],
            }),
        )?;
        log.run_id = answer["run"]["info"]["run_id"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| log.unexpected("runs/create", "the id of a run", &answer.to_string()))?;
        for chunk in parameters(settings).chunks(TOGETHER) {
            log.post(
                "runs/log-batch",
                &json!({"run_id": log.run_id, "params": chunk}),
            )?;
        }
        server.run_id = Some(log.run_id.clone());
        Ok(log)
    }

    /// The id of an experiment, which is made where it is missing.
    fn experiment(&self, name: &str) -> Result<String, LogError> {
        let id = |value: &Value| value.as_str().map(str::to_owned);
        let (status, created) = self.ask("experiments/create", &json!({"name": name}))?;
        if let Some(id) = id(&created["experiment_id"]).filter(|_| status == 200) {
            return Ok(id);
        }
        if created["error_code"] != "RESOURCE_ALREADY_EXISTS" {
            let found = format!("status {status}, {created}");
            return Err(self.unexpected("experiments/create", "an experiment", &found));
        }
        let found = self.post(
            "experiments/search",
            &json!({"filter": format!("name = '{}'", name.replace('\'', "\\'")), "max_results": 1}),
        )?;
        id(&found["experiments"][0]["experiment_id"]).ok_or_else(|| {
            self.unexpected("experiments/search", "the experiment", &found.to_string())
        })
    }

    fn post(&self, what: &str, body: &Value) -> Result<Value, LogError> {
        let (status, answer) = self.ask(what, body)?;
        if status == 200 {
            return Ok(answer);
        }
        Err(self.unexpected(what, "status 200", &format!("status {status}, {answer}")))
    }

    fn ask(&self, what: &str, body: &Value) -> Result<(u16, Value), LogError> {
        let address = self.place(what);
        let unreachable = |error: ureq::Error| LogError::Unreachable {
            address: address.clone(),
            problem: error.to_string(),
        };
        let mut answer = self
            .agent
            .post(&address)
            .header("content-type", "application/json")
            .send(body.to_string())
            .map_err(unreachable)?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(MOST_BYTES)
            .read_to_string()
            .map_err(unreachable)?;
        // Errors of a proxy are no JSON; they are shown as they are.
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((status, value))
    }

    fn place(&self, what: &str) -> String {
        format!("{}/api/2.0/mlflow/{what}", self.address)
    }

    fn unexpected(&self, what: &str, expected: &'static str, found: &str) -> LogError {
        LogError::Answer {
            address: self.place(what),
            expected,
            found: found.chars().take(300).collect(),
        }
    }
}

impl Sink for MlFlow {
    fn name(&self) -> &'static str {
        "MLflow"
    }

    fn scalars(&mut self, fold: &str, step: i64, values: &[(String, f64)]) -> Result<(), LogError> {
        let time = milliseconds();
        let metrics: Vec<Value> = values
            .iter()
            .map(|(name, value)| {
                let key = if fold.is_empty() {
                    name.clone()
                } else {
                    format!("{fold}/{name}")
                };
                json!({"key": key, "value": value, "timestamp": time, "step": step})
            })
            .collect();
        for chunk in metrics.chunks(TOGETHER) {
            self.post(
                "runs/log-batch",
                &json!({"run_id": self.run_id, "metrics": chunk}),
            )?;
        }
        Ok(())
    }

    fn close(&mut self, done: bool) -> Result<(), LogError> {
        let status = if done { "FINISHED" } else { "KILLED" };
        let body = json!({"run_id": self.run_id, "status": status, "end_time": milliseconds()});
        self.post("runs/update", &body).map(|_| ())
    }
}

fn milliseconds() -> u64 {
    (now() * 1000.0) as u64
}

/// The settings, tables flattened to names such as `preprocessing.size`.
fn parameters(settings: &TrainSettings) -> Vec<Value> {
    let mut flat = Vec::new();
    let value = serde_json::to_value(settings).expect("settings hold only text and finite numbers");
    flatten("", &value, &mut flat);
    flat
}

fn flatten(name: &str, value: &Value, flat: &mut Vec<Value>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flatten(&name, value, flat);
            }
        }
        Value::Null => {}
        value => {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let text: String = text.chars().take(LONGEST).collect();
            flat.push(json!({"key": name, "value": text}));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;

    use super::*;
    use crate::settings::TrainDefaults;
    use plainfilm_model::networks::Architecture;

    fn settings() -> TrainSettings {
        TrainSettings::defaults(TrainDefaults {
            data: "films".into(),
            model: Architecture::DarkCovidNet,
            seed: 3,
            threads: 1,
        })
    }

    /// Answers as MLflow does, one connection after another, and passes on what it was asked.
    fn double(answers: Vec<(u16, &'static str)>) -> (String, mpsc::Receiver<(String, Value)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            for (status, answer) in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let (mut first, mut length) = (String::new(), 0);
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    let lower = line.to_lowercase();
                    if let Some(text) = lower.strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let path = first.split(' ').nth(1).unwrap().to_owned();
                send.send((path, serde_json::from_slice(&body).unwrap()))
                    .unwrap();
                write!(
                    reader.get_mut(),
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                    answer.len()
                )
                .unwrap();
            }
        });
        (address, receive)
    }

    fn named(address: &str) -> MlFlowSettings {
        MlFlowSettings {
            address: address.to_owned(),
            experiment: "films".to_owned(),
            run_id: None,
        }
    }

    #[test]
    fn a_run_is_made_told_and_closed() {
        let (address, asked) = double(vec![
            (400, r#"{"error_code": "RESOURCE_ALREADY_EXISTS"}"#),
            (200, r#"{"experiments": [{"experiment_id": "7"}]}"#),
            (200, r#"{"run": {"info": {"run_id": "abc"}}}"#),
            (200, "{}"),
            (200, "{}"),
            (200, "{}"),
        ]);
        let mut server = named(&address);
        let mut log = MlFlow::open(&mut server, "run-1", &settings()).unwrap();
        assert_eq!(server.run_id.as_deref(), Some("abc"));
        log.scalars("fold-1", 2, &[("epoch/train_loss".to_owned(), 0.5)])
            .unwrap();
        log.close(true).unwrap();
        let asked: Vec<(String, Value)> = asked.iter().collect();
        let paths: Vec<&str> = asked
            .iter()
            .map(|(path, _)| path.strip_prefix("/api/2.0/mlflow/").unwrap())
            .collect();
        assert_eq!(
            paths,
            [
                "experiments/create",
                "experiments/search",
                "runs/create",
                "runs/log-batch",
                "runs/log-batch",
                "runs/update"
            ]
        );
        assert_eq!(asked[2].1["experiment_id"], "7");
        let parameters = asked[3].1["params"].as_array().unwrap();
        assert!(parameters.contains(&json!({"key": "preprocessing.size", "value": "256"})));
        let metric = &asked[4].1["metrics"][0];
        assert_eq!(metric["key"], "fold-1/epoch/train_loss");
        assert_eq!(
            (&metric["value"], &metric["step"]),
            (&json!(0.5), &json!(2))
        );
        assert_eq!(asked[5].1["status"], "FINISHED");
    }

    #[test]
    fn what_is_wrong_with_a_server_is_named() {
        let (address, _asked) = double(vec![(503, "<html>busy</html>")]);
        let error = MlFlow::open(&mut named(&address), "r", &settings())
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("status 503, \"<html>busy"),
            "{error}"
        );
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let error = MlFlow::open(&mut named(&address), "r", &settings())
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .contains("hint: is `mlflow server` running"),
            "{error}"
        );
    }
}
