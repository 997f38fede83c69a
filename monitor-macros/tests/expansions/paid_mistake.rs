// #[with_credits(cost = -5, operation = "", price = 3)]
// const fn report() {}

::core::compile_error! {
    "unknown option `price`; the options are `cost`, `account`, `operation`, `ledger`, `idempotency_key`, `when_down`, `on_drop` and `crate`"
}
::core::compile_error! {
    "an operation is named by 1 to 255 bytes without control characters, such as \"report\""
}
::core::compile_error! {
    "a cost is not negative: credits come in by a grant; write a cost of 0 or more"
}
::core::compile_error! {
    "`#[with_credits]` cannot watch a `const fn`, which may run while compiling; remove `const`"
}
const fn report() {}
