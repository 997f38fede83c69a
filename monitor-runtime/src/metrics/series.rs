//! The series of one family: label values in, the first of the series' cells out, without a lock once it is known.
