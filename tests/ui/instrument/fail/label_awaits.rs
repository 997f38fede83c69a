monitor_runtime::metrics! {
    /// Jobs by tenant
    counter JOBS = "jobs_total" { #[label(max = 50)] tenant: &str, ok: bool };
    /// Bytes sent
    counter BYTES = "bytes_total";
}

#[monitor_runtime::instrument(counter = JOBS, tenant = name().await, ok = true)]
async fn job() {}

#[monitor_runtime::instrument(counter = BYTES, by = size().await)]
async fn send() {}

async fn name() -> &'static str {
    "ada"
}

async fn size() -> u64 {
    5
}

fn main() {
    drop((job(), send(), name(), size()));
}
