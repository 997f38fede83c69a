
/// The runtime of `#[with_credits]` without its one demand on the return type, so that bodies of every type can be
/// compared.
#[allow(dead_code, missing_docs, missing_debug_implementations, unreachable_pub, unused_imports, reason = "of the lab")]
#[allow(clippy::all, clippy::pedantic, clippy::nursery, reason = "of the lab")]
mod any_return_type {
    pub mod private {
        pub use monitor_runtime::private::*;

        pub mod paid {
            use std::future::Future;
            use std::pin::Pin;

            pub use monitor_runtime::private::paid::{Declared, PaidCall, PaidOperation, cost, never_unpaid};
            use monitor_runtime::private::Verdict;

            pub fn refuse<T>(_: monitor_runtime::credits::CreditsError) -> T {
                unreachable!()
            }

            pub mod kind {
                use std::future::Future;
                use std::marker::PhantomData;
                use std::pin::Pin;

                pub struct Kind<T>(pub PhantomData<T>);
                pub trait IsSendBox {
                    fn kind(&self) -> super::AsSendBox {
                        super::AsSendBox
                    }
                }
                impl<'a, T> IsSendBox for &&Kind<Pin<Box<dyn Future<Output = T> + Send + 'a>>> {}
                pub trait IsLocalBox {
                    fn kind(&self) -> super::AsLocalBox {
                        super::AsLocalBox
                    }
                }
                impl<'a, T> IsLocalBox for &Kind<Pin<Box<dyn Future<Output = T> + 'a>>> {}
                pub trait IsValue {
                    fn kind(&self) -> super::AsValue {
                        super::AsValue
                    }
                }
                impl<T> IsValue for Kind<T> {}
            }

            pub struct AsSendBox;
            pub struct AsLocalBox;
            pub struct AsFuture;
            pub struct AsValue;

            impl AsSendBox {
                pub fn run<'a, T: Send + 'a>(
                    self,
                    call: PaidCall,
                    body: impl FnOnce() -> Pin<Box<dyn Future<Output = T> + Send + 'a>> + Send + 'a,
                    judge: impl FnOnce(&T) -> Verdict + Send + 'a,
                ) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
                    Box::pin(paid(call, body, judge))
                }
            }

            impl AsLocalBox {
                pub fn run<'a, T: 'a>(
                    self,
                    call: PaidCall,
                    body: impl FnOnce() -> Pin<Box<dyn Future<Output = T> + 'a>> + 'a,
                    judge: impl FnOnce(&T) -> Verdict + 'a,
                ) -> Pin<Box<dyn Future<Output = T> + 'a>> {
                    Box::pin(paid(call, body, judge))
                }
            }

            impl AsFuture {
                pub fn run<F: Future>(
                    self,
                    call: PaidCall,
                    body: impl FnOnce() -> F,
                    judge: impl FnOnce(&F::Output) -> Verdict,
                ) -> impl Future<Output = F::Output> {
                    paid(call, body, judge)
                }
            }

            impl AsValue {
                pub fn run<T>(
                    self,
                    call: PaidCall,
                    body: impl FnOnce() -> T,
                    judge: impl FnOnce(&T) -> Verdict,
                ) -> T {
                    let Ok(call) = call.hold_blocking() else { unreachable!() };
                    let value = call.run(body);
                    call.settle_blocking(judge(&value));
                    value
                }
            }

            async fn paid<F: Future>(
                call: PaidCall,
                body: impl FnOnce() -> F,
                judge: impl FnOnce(&F::Output) -> Verdict,
            ) -> F::Output {
                let Ok(call) = call.hold().await else { unreachable!() };
                let value = call.around(call.run(body)).await;
                let outcome = judge(&value);
                call.settle(outcome).await;
                value
            }
        }
    }
}
