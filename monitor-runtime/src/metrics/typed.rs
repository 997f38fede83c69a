//! What counters, gauges and histograms have in common as Rust types: a family, and the type of its label set.

/// Makes the type of one kind of family.
macro_rules! typed_family {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<L> {
            pub(super) family: $crate::metrics::Family,
            // Only ever taken in, and covariant, so that a set which borrows its values fits a `static` family.
            labels: ::std::marker::PhantomData<fn() -> L>,
        }

        impl<L> $name<L> {
            #[doc(hidden)]
            pub const fn declare(declaration: $crate::metrics::Declaration) -> Self {
                $name {
                    family: $crate::metrics::Family::new($crate::metrics::family::Kind::$name, declaration),
                    labels: ::std::marker::PhantomData,
                }
            }

            #[doc(hidden)]
            pub const fn family(&self) -> &$crate::metrics::Family {
                &self.family
            }

            /// Puts a series on the page before it is used. For values that the application itself knows: they are not
            /// held back by the family's growth.
            pub fn know(&self, labels: &L)
            where
                L: $crate::metrics::LabelSet,
            {
                $crate::metrics::first_cell_of_known(&self.family, labels);
            }

            /// The same family, separate, in another registry: for a test that wants numbers of its own.
            ///
            /// # Errors
            /// When the registry holds another family of that name.
            pub fn in_registry(
                &self,
                registry: &::prometheus::Registry,
            ) -> Result<Self, $crate::metrics::RegisterError> {
                Ok($name { family: self.family.in_registry(registry)?, labels: ::std::marker::PhantomData })
            }
        }

        impl<L> ::std::fmt::Debug for $name<L> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.family).finish()
            }
        }
    };
}
