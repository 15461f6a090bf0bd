//! What a service says of a parcel, in words that both services share.

/// What a service said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Where the parcel is.
    Found(Found),
    /// Why it is not known.
    Not(Problem),
    /// What is wrong with the service, or with our account there.
    Broken(String),
}

/// Where a parcel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) state: State,
    /// The newest first.
    pub(super) steps: Vec<Step>,
}

/// One line of a parcel's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// As the service writes it.
    pub(super) time: String,
    pub(super) text: String,
}

/// Why nothing is known of a parcel, through no fault of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// There is no such number.
    UnknownNumber,
    /// The carrier has not scanned it yet.
    NotYet,
    /// The carrier asks for a phone number of the label, and there is none or a wrong one.
    Phone,
    /// The number was asked for within its rest, with another phone number or carrier.
    TooSoon,
}

impl Problem {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownNumber => "unknown_number",
            Self::NotYet => "not_yet",
            Self::Phone => "phone",
            Self::TooSoon => "too_soon",
        }
    }
}

/// How far a parcel is, in the words of either service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Collected,
    InTransit,
    Delivering,
    Signed,
    Problem,
    Refused,
    Returning,
    ReturnSigned,
    Forwarded,
    Customs,
    Other,
}

impl State {
    /// Its name for conditions, and what people call it.
    pub(super) const fn words(self) -> [&'static str; 3] {
        match self {
            Self::Collected => ["collected", "已揽收", "picked up by the carrier"],
            Self::InTransit => ["in_transit", "运输中", "on its way"],
            Self::Delivering => ["delivering", "派送中", "out for delivery"],
            Self::Signed => ["signed", "已签收", "delivered"],
            Self::Problem => ["problem", "运输异常", "held up on its way"],
            Self::Refused => ["refused", "已拒收", "refused by the recipient"],
            Self::Returning => ["returning", "退回中", "on its way back"],
            Self::ReturnSigned => ["return_signed", "已退回签收", "returned to the sender"],
            Self::Forwarded => ["forwarded", "已转寄", "forwarded"],
            Self::Customs => ["customs", "清关中", "in customs"],
            Self::Other => ["other", "处理中", "being processed"],
        }
    }
}
