//! Who may do what: roles that give rights, and rules about the rest.

use crate::file::section::section;
use crate::file::span::At;
use crate::file::value::{Name, PublicKey, choice};

choice! {
    /// Something that a request needs.
    Right, "a right" {
        /// To read what one's slot may see.
        Read = "read",
        /// To send ops.
        Operate = "operate",
        /// To send value to another chain.
        Transfer = "transfer",
        /// To look at everything, to seal blocks and to turn sources away.
        Administer = "administer",
    }
}

choice! {
    /// What a rule does where it holds.
    Effect, "an effect" {
        /// It gives the rights.
        Allow = "allow",
        /// It takes them, whoever else gives them.
        Deny = "deny",
    }
}

section! {
    /// Who may do what. What nothing gives is denied.
    Access {
        /// Roles and the rights that they give.
        role: Vec<Role>,
        /// Rules about who asks, from where, and what for.
        rule: Vec<Rule>,
    }
}

section! {
    /// A role and the rights that it gives.
    Role {
        /// What rules call it. Every agent with a lease has the role "agent",
        /// and whoever started the planet the role "operator".
        name: At<Name>,
        /// What it may do.
        rights: Vec<At<Right>>,
        /// Who has it, by public key.
        agents: Vec<At<PublicKey>>,
    }
}

section! {
    /// A rule. All that it says must hold; what it leaves out holds always.
    Rule {
        /// What explanations call it.
        name: At<Name>,
        /// What it does where it holds.
        effect: At<Effect> = Effect::Allow,
        /// The rights that it is about.
        rights: Vec<At<Right>>,
        /// The caller has one of these roles.
        roles: Vec<At<Name>>,
        /// The caller's slot is in one of these regions.
        from: Vec<At<Name>>,
        /// What is asked for is in one of these regions.
        regions: Vec<At<Name>>,
        /// What is asked for is of one of these residency classes.
        classes: Vec<At<Name>>,
        /// What is asked for is in the caller's own block.
        own: At<bool> = false,
    }
}
