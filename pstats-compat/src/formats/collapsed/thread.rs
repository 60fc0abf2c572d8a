//! The thread that the first frames of a stack name.

use crate::model::{Text, Thread};

/// What a stack says of its thread. The frames stay what they are, too.
///
/// ```text
/// P4711;T0:4712;app.py:main:10                               Austin's: process, interpreter and thread
/// process 4711:"python app.py";thread (4712): MainThread;…   py-spy's; of child processes the parents stand in front
/// ```
pub fn of(stack: &[u8], is_austins: bool) -> Thread {
    let mut thread = Thread::default();
    for frame in stack.split(|&byte| byte == b';') {
        let Ok(frame) = std::str::from_utf8(frame) else { break };
        if is_austins {
            match (frame.strip_prefix('P'), frame.strip_prefix('T')) {
                (Some(process), _) if thread.process.is_none() => thread.process = number(process),
                (_, Some(id)) => {
                    thread.id = number(id.rsplit(':').next().unwrap_or(id));
                    break;
                }
                _ => break,
            }
        } else if let Some((process, _)) =
            frame.strip_prefix("process ").and_then(|rest| rest.split_once(":\""))
        {
            thread.process = number(process);
        } else if let Some((id, rest)) = frame.strip_prefix("thread (").and_then(|rest| rest.split_once(')'))
        {
            thread.id = number(id);
            thread.name = rest.strip_prefix(": ").filter(|name| !name.is_empty()).map(Text::from);
            break;
        } else {
            break;
        }
    }
    thread
}

/// `4711`, `0x7F00`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
