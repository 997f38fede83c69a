#[attribute]
pub fn function<T>(value: T) -> String {
    value.to_string()
}
