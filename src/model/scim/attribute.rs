//! Attributes, and what is true of each (RFC 7643 sections 2.2 and 7).

/// What an attribute's values are (RFC 7643 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Characters.
    Text,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Decimal,
    /// An instant.
    DateTime,
    /// Bytes in base64.
    Binary,
    /// A URI.
    Reference,
    /// Attributes of its own.
    Complex,
}

impl Kind {
    /// The name in a schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }

    /// Whether its values are written as characters that may be exact in case or not.
    pub(super) fn has_case(self) -> bool {
        match self {
            Self::Text | Self::Binary | Self::Reference => true,
            Self::Boolean | Self::Integer | Self::Decimal | Self::DateTime | Self::Complex => false,
        }
    }
}

/// Who may change an attribute, and when (RFC 7643 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// The server alone.
    ReadOnly,
    /// The client too.
    ReadWrite,
    /// The client, once.
    Immutable,
    /// The client, who never sees it again.
    WriteOnly,
}

impl Mutability {
    /// The name in a schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnly",
            Self::ReadWrite => "readWrite",
            Self::Immutable => "immutable",
            Self::WriteOnly => "writeOnly",
        }
    }
}

/// When an attribute stands in an answer (RFC 7643 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returned {
    /// Whatever was asked for.
    Always,
    /// In none.
    Never,
    /// Unless it was left out.
    Default,
    /// If it was asked for.
    Request,
}

impl Returned {
    /// The name in a schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Default => "default",
            Self::Request => "request",
        }
    }
}

/// Among whom a value may be had once (RFC 7643 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Uniqueness {
    /// Any number may have it.
    None,
    /// One resource of a company.
    Server,
    /// One resource in the world.
    Global,
}

impl Uniqueness {
    /// The name in a schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Server => "server",
            Self::Global => "global",
        }
    }
}

/// An attribute and what is true of it (RFC 7643 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, in the case in which it is written.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether it has a list of values.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether values that differ in case alone are two.
    pub case_exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// When it stands in an answer.
    pub returned: Returned,
    /// Among whom a value may be had once.
    pub uniqueness: Uniqueness,
    /// Values that are usual; others are taken too.
    pub canonical: &'static [&'static str],
    /// What a URI may point to.
    pub references: &'static [&'static str],
    /// The attributes of a complex one.
    pub children: &'static [Attribute],
    /// What it is for.
    pub description: &'static str,
}

impl Attribute {
    /// One value of this kind, which the client may change.
    pub(super) const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            multi_valued: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical: &[],
            references: &[],
            children: &[],
            description,
        }
    }

    /// One text.
    pub(super) const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Text, description)
    }

    /// One URI. A reference is exact in case (RFC 7643 section 2.3.7).
    pub(super) const fn reference(
        name: &'static str,
        references: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self { references, case_exact: true, ..Self::new(name, Kind::Reference, description) }
    }

    /// One value with attributes of its own.
    pub(super) const fn complex(name: &'static str, children: &'static [Attribute], description: &'static str) -> Self {
        Self { children, ..Self::new(name, Kind::Complex, description) }
    }

    /// A list of such values.
    pub(super) const fn many(self) -> Self {
        Self { multi_valued: true, ..self }
    }

    /// One that a resource must have.
    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// One whose values differ by case.
    pub(super) const fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    /// One that the server alone changes.
    pub(super) const fn read_only(self) -> Self {
        Self { mutability: Mutability::ReadOnly, ..self }
    }

    /// One that never changes once it is there.
    pub(super) const fn immutable(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }

    /// One that stands in every answer.
    pub(super) const fn always(self) -> Self {
        Self { returned: Returned::Always, ..self }
    }

    /// One that stands only in answers for which it is asked by name.
    pub(super) const fn on_request(self) -> Self {
        Self { returned: Returned::Request, ..self }
    }

    /// One whose value only one resource of a company may have.
    pub(super) const fn unique(self) -> Self {
        Self { uniqueness: Uniqueness::Server, ..self }
    }

    /// One with usual values.
    pub(super) const fn usually(self, canonical: &'static [&'static str]) -> Self {
        Self { canonical, ..self }
    }

    /// The attribute of this name, in any case, of a complex one.
    pub fn child(&self, name: &str) -> Option<&'static Attribute> {
        named(self.children, name)
    }
}

/// The attribute of this name; names are the same in any case (RFC 7643 section 2.1).
pub(super) fn named(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}
