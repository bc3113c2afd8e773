//! Which jurisdictions are known without a word from the planet file.
//!
//! A beginning, not advice. The table was written from general knowledge of the
//! decisions as they were published, and nobody has held it against the official
//! journals: whoever relies on an entry has to check it, and whether it is still
//! in force. What matters for a planet belongs into its file, where a
//! `[[jurisdiction]]` replaces all that is known here about its name:
//!
//! ```toml
//! [[jurisdiction]]
//! name = "EU"
//! adequate = ["CH", "GB"]   # these, and no others
//! ```

/// What one jurisdiction recognises as protecting data as well as itself.
pub(super) struct Recognition {
    /// Who recognises.
    pub(super) by: &'static str,
    /// Whom.
    pub(super) whom: &'static str,
    /// Where that is written. The first four digits are the year.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for whoever reads the table, and the test that holds it complete")
    )]
    pub(super) source: &'static str,
}

const fn of(by: &'static str, whom: &'static str, source: &'static str) -> Recognition {
    Recognition { by, whom, source }
}

/// Members of the European Union. Europe is not the EU: GB, CH, NO, UA, TR and
/// a dozen others are not here.
pub(super) const EU: [&str; 27] = [
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
    "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
];

/// In the European Economic Area beside the EU; the GDPR is law there too.
pub(super) const EEA: [&str; 4] = ["EU", "IS", "LI", "NO"];

/// Recognitions of whole countries.
///
/// Those of parts are left out, because a region cannot be in them: the EU's of
/// Canada is for commercial organisations, and its of the United States for
/// companies on a list. Several end or are reviewed; the EU's of GB has had its
/// end moved before.
pub(super) const ADEQUATE: &[Recognition] = &[
    of("EU", "AD", "2010/625/EU"),
    of("EU", "AR", "2003/490/EC"),
    of("EU", "CH", "2000/518/EC"),
    of("EU", "FO", "2010/146/EU"),
    of("EU", "GB", "2021/1772 (EU)"),
    of("EU", "GG", "2003/821/EC"),
    of("EU", "IL", "2011/61/EU"),
    of("EU", "IM", "2004/411/EC"),
    of("EU", "JE", "2008/393/EC"),
    of("EU", "JP", "2019/419 (EU)"),
    of("EU", "KR", "2022/254 (EU)"),
    of("EU", "NZ", "2013/65/EU"),
    of("EU", "UY", "2012/484/EU"),
    // The EU's decisions hold in the EEA by its agreement, and members have no
    // need of one among themselves.
    of("EEA", "AD", "2010/625/EU"),
    of("EEA", "AR", "2003/490/EC"),
    of("EEA", "CH", "2000/518/EC"),
    of("EEA", "FO", "2010/146/EU"),
    of("EEA", "GB", "2021/1772 (EU)"),
    of("EEA", "GG", "2003/821/EC"),
    of("EEA", "IL", "2011/61/EU"),
    of("EEA", "IM", "2004/411/EC"),
    of("EEA", "JE", "2008/393/EC"),
    of("EEA", "JP", "2019/419 (EU)"),
    of("EEA", "KR", "2022/254 (EU)"),
    of("EEA", "NZ", "2013/65/EU"),
    of("EEA", "UY", "2012/484/EU"),
    of("GB", "EEA", "2018 Data Protection Act, schedule 21"),
    of("GB", "KR", "2022 No. 1213"),
    of("JP", "EEA", "2019 notice of the PPC, 23 January"),
    of("JP", "GB", "2019 notice of the PPC, 23 January"),
];
