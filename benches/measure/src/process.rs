//! What the kernel says of this process: bytes written, memory. Linux only.

/// Bytes that this process has written so far.
#[derive(Clone, Copy, Debug)]
pub struct IoCounters {
    pub written: u64,
    pub to_disk: u64,
}

impl IoCounters {
    pub fn now() -> Self {
        let text =
            std::fs::read_to_string("/proc/self/io").expect("Linux counts a process's bytes");
        let field = |name| number_after(&text, name).expect("Linux names this counter");
        IoCounters {
            written: field("wchar:"),
            to_disk: field("write_bytes:"),
        }
    }
}

/// Memory of this process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub resident: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

impl Memory {
    pub fn now() -> Self {
        let text = std::fs::read_to_string("/proc/self/status").expect("Linux tells of itself");
        let kib = |name| 1024 * number_after(&text, name).expect("Linux names this figure");
        Memory {
            resident: kib("VmRSS:"),
            peak: kib("VmHWM:"),
        }
    }
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processor and how many of them there are.
pub fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or("unknown processor");
    format!("{cpus} × {model}")
}
