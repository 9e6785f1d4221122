//! The catalogue: every attack with its id, scene by scene. Each file is a chapter or a part of one.

mod browser;
mod calls;
mod excused;
mod files;
mod held;
mod identity;
mod modules;
mod network;
mod output;
mod peers;
mod resources;
mod sockets;
mod weaknesses;

pub(super) use self::excused::EXCUSED;
pub(super) use self::held::HELD;
use super::scene::Scene;

/// All scenes, in the order in which they are played.
pub(super) const SCENES: &[Scene] = &[
    calls::SCENE,
    sockets::SCENE,
    files::PATHS,
    files::HOST,
    identity::SCENE,
    network::CLOSED,
    network::INBOUND,
    peers::TOGETHER,
    peers::IN_TURN,
    peers::BESIDE,
    resources::BOMBS,
    resources::ENDLESS,
    output::SCENE,
    network::WAYS_OUT,
    browser::BROWSERS,
    browser::PAGES,
    modules::SCENE,
];
