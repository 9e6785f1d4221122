//! Icons per revision.

use serde_json::{Map, Value};

use super::members::Members;
use crate::Revision;
use crate::icons::{Icon, Theme};

/// Where they stand.
pub(super) const ICONS: &str = "icons";

/// Writes the icons of something, where the revision has them and there are any.
pub(super) fn put_icons(object: &mut Map<String, Value>, icons: &[Icon], revision: Revision) {
    if revision < Revision::V2025_11_25 || icons.is_empty() {
        return;
    }
    let icons: Vec<Value> = icons.iter().map(|icon| write(icon).into()).collect();
    object.put(ICONS, icons);
}

fn write(icon: &Icon) -> Map<String, Value> {
    let mut written = Map::new();
    written.put("src", icon.src.clone());
    written.put_some("mimeType", icon.mime_type.clone());
    if !icon.sizes.is_empty() {
        written.put("sizes", icon.sizes.clone());
    }
    written.put_some(
        "theme",
        icon.theme.map(|theme| match theme {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }),
    );
    written
}
