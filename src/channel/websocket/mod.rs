//! Channels of kind `websocket`: customers' browsers and apps, subprotocol `chat.v1.json`.

mod frame;
mod handshake;
mod identity;
mod session;

pub use handshake::{PROTOCOL, Upgrade, admit};
pub use session::{Visitor, run};

/// Largest frame and message, in bytes.
pub const MAX_FRAME: usize = 16 * 1024;

/// Close codes of our own: 4000–4499 mean "come back", 4500–4999 "do not".
pub mod close {
    /// No `hello` within five seconds.
    pub const NO_HELLO: u16 = 4002;
    /// The client reads too slowly; what it missed comes with resume.
    pub const SLOW: u16 = 4008;
    /// Nothing was heard for a minute.
    pub const SILENT: u16 = 4009;
    /// The token of a known customer was not believed; fetch a new one before the next try.
    pub const BAD_IDENTITY: u16 = 4501;
    /// Too many frames.
    pub const FLOOD: u16 = 4029;
    /// Frames that are not of the protocol, again and again.
    pub const BAD_FRAMES: u16 = 4500;
}
