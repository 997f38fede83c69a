//! Paid requests over a real socket: who is served, who is refused and how, and what a client that leaves has paid.

mod again;
mod answers;
mod exact;
mod final_status;
mod protocols;
mod refusals;
mod server;
mod strays;
mod streams;
