//! Facts about devices and the rules that look for them say the same.

use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Device {
    name: String,
    usb: Vec<String>,
    manufacturer: Option<String>,
    product: Option<String>,
    serial: Option<String>,
    display: Option<String>,
    source: String,
    tell: Vec<String>,
}

#[derive(Deserialize)]
struct Devices {
    device: Vec<Device>,
}

#[test]
fn every_device_is_looked_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../knowledge");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let devices: Devices = toml::from_str(&read("devices/kvm-over-ip.toml")).unwrap();
    let rules = [
        "rules/windows/remote-access/network-kvm-attached.yml",
        "rules/windows/remote-access/network-kvm-installed.yml",
        "rules/linux/network-kvm-attached.yml",
    ]
    .map(read);
    assert!(devices.device.len() >= 5);
    for device in &devices.device {
        assert!(!device.source.is_empty() && !device.tell.is_empty(), "{}", device.name);
        for text in &device.tell {
            assert!(rules.iter().any(|r| r.contains(text.as_str())), "{}: no rule knows {text}", device.name);
        }
    }
}
