use crate::ffi::{Announcement, MinimumDepth, OpenedWith, OpeningTerms};

fn agreed() -> OpeningTerms {
    OpeningTerms {
        opened_with: OpenedWith::OpenChannel,
        minimum_depth: MinimumDepth::Blocks { blocks: 3 },
        announcement: Announcement::Public { features: vec![] },
        alias: Some("700000x1x0".into()),
        replaces: None,
    }
}

#[test]
fn what_is_agreed_about_an_opening_arrives_as_it_was_said() {
    let core = agreed().to_core().expect("good terms");
    assert_eq!(core.minimum_depth, crate::opening::MinimumDepth::Blocks(3));
    assert_eq!(
        core.alias.map(|alias| alias.to_string()),
        Some("700000x1x0".into())
    );
}

#[test]
fn what_cannot_be_agreed_is_refused_by_name() {
    let alias = OpeningTerms {
        alias: Some("seven".into()),
        ..agreed()
    };
    let features = vec![0; 70_000];
    let announcement = OpeningTerms {
        announcement: Announcement::Public { features },
        ..agreed()
    };
    let fields = [alias, announcement].map(|terms| terms.to_core().unwrap_err().field);
    assert_eq!(fields, ["alias", "announcement.features"]);
}
