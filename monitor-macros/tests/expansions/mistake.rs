// #[instrument(counter = "calls_total", on = "never")]
// const fn call() -> u8 {
//     1
// }

::core::compile_error! {
    "`counter` takes the path of a metric, such as `counter = USER_SESSIONS`"
}
::core::compile_error! {
    "`on` takes \"success\", \"failure\" or \"any\""
}
::core::compile_error! {
    "`#[instrument]` cannot watch a `const fn`, which may run while compiling; remove `const`"
}
const fn call() -> u8 {
    1
}
