//! Ids of shipped rules, by what they see: which rule is expected to see which step.
//!
//! Only ids: the rules themselves are data in `knowledge/rules`, and no rule is run here.

/// Secret or certificate added to an application.
pub const APP_SECRET: &str = "3ea3a238-253b-41fe-bffc-38ecfd385e81";
/// Script run straight out of an archive.
pub const ARCHIVE: &str = "b55b99ca-b880-48e9-9b71-e920f6481790";
/// Linux audit rules deleted or the daemon stopped.
pub const AUDIT_OFF: &str = "cdae5601-1c34-41ca-be35-b4baaa7d24e6";
/// Audit policy switched off.
pub const AUDIT_POLICY: &str = "5c65890e-4a28-4b77-9bc8-63d9065e01f1";
/// Windows backups deleted.
pub const BACKUPS: &str = "64b45c6e-930a-4bb3-a444-5c9c738a1c82";
/// Boot recovery disabled.
pub const BOOT: &str = "652e3bf0-aa13-4ab6-bd9e-5b00fa788549";
/// Protection of a repository removed.
pub const BRANCH: &str = "34165f23-26eb-4eb4-b82f-f4e7242441fd";
/// Browser password store copied by an interpreter.
pub const BROWSER_SECRETS: &str = "56b9e889-30b7-4074-8bd7-589b87c4fd2e";
/// Bucket policy opens data to everyone.
pub const BUCKET_OPEN: &str = "32fe7d13-5761-460c-849f-e58fc01eb626";
/// Clipboard changed by a script interpreter or a program in a temporary directory.
pub const CLIPBOARD: &str = "9a379b66-76e7-4c47-976a-12a21008e7e9";
/// Memory dump through comsvcs.dll.
pub const COMSVCS: &str = "8b4bb979-890a-494e-a2bf-169a625c8c08";
/// Application given lasting access to mail or files by consent.
pub const CONSENT: &str = "80fbeb53-68c0-4781-ad06-df74063b23a3";
/// WMI event consumer that runs a command or script.
pub const CONSUMER: &str = "c2ae666a-eec5-4e0e-9fd7-d8f99e7e10de";
/// Interpreter connects to a control protocol port.
pub const CONTROL_PORT: &str = "771702a2-cfe0-4cd7-b943-43f206949ee9";
/// PowerShell text that downloads and runs in memory.
pub const CRADLE: &str = "63b07556-242b-42ac-b0fe-ec45fd250adf";
/// Cron table written by a server process or a downloader.
pub const CRON: &str = "b9b8b7d3-d939-4ae4-80f8-84b41caf9217";
/// Antivirus weakened from PowerShell.
pub const DEFENDER_OFF: &str = "a154497a-1649-4c7a-873d-767ffbcafe30";
/// Antivirus switched off in the registry.
pub const DEFENDER_POLICY: &str = "3d785d76-3150-49ae-ba14-aa21bff1a228";
/// Threat detection of the account switched off.
pub const DETECTION_OFF: &str = "f59fdff0-e75c-45b4-a605-671798f6ae37";
/// Sign-in completed with a device code.
pub const DEVICE_CODE: &str = "c1d54052-35ff-4e70-94c0-edbb9db8f36c";
/// Code editor starts a shell that pipes a download into an interpreter.
pub const EDITOR: &str = "31c62f04-4e8e-4153-be71-cee5546b7b45";
/// PowerShell started hidden with an encoded command.
pub const ENCODED: &str = "1ed2d2f9-2662-4abd-9ed3-f1c6d41ba74f";
/// All second factors of a user reset.
pub const FACTOR_RESET: &str = "00d4154a-daac-44fb-b524-fb2ea2270328";
/// Credential hives exported from the registry.
pub const HIVES: &str = "583650b2-6a78-4a94-ad71-3d392d9d4b65";
/// Inbox rule forwards or redirects mail.
pub const INBOX_FORWARDS: &str = "f401b297-0a3f-44db-8108-3e75678ca431";
/// Inbox rule hides mail about security or payment.
pub const INBOX_HIDES: &str = "d9335cbb-4b61-4384-bd9f-c418171fe893";
/// Kerberos ticket tool on the command line.
pub const KERBEROS: &str = "e789ae16-a71d-471d-a5cf-35e5c3b90dea";
/// Private keys and wallets searched for on a computer.
pub const KEYS_SEARCHED: &str = "f893c752-ddd1-40b8-9388-9816f8cb0b3a";
/// Encryption key scheduled for deletion or its material removed.
pub const KEY_DELETION: &str = "dd0bc9fb-b7b3-4b9a-ac59-f8e6eb82c529";
/// Successful sign-in over a protocol without second factor.
pub const LEGACY: &str = "fe1b1140-31f3-4cf4-a26a-89ec49009589";
/// Event logs cleared or switched off from the command line.
pub const LOG_COMMAND: &str = "d3a0db6b-5c1e-4cd7-8eb0-d6ebdb9d1988";
/// LSASS read by code without a file behind it.
pub const LSASS_UNBACKED: &str = "153a5446-a6cf-4d73-b3a4-93ebaade1212";
/// Full access to another mailbox granted.
pub const MAILBOX_ACCESS: &str = "a09c585d-c4e6-4703-9279-30564d7653f1";
/// Mailbox auditing bypassed or switched off.
pub const MAIL_AUDIT_BYPASSED: &str = "1425a1a0-809c-4560-8407-2e73caa603c0";
/// mshta runs remote or inline script.
pub const MSHTA: &str = "30a04450-5466-47bd-a0cd-e425c1f5c25b";
/// Directory database written outside its place.
pub const NTDS: &str = "385fd286-d38d-4e87-8853-359e38c0a772";
/// Office program starts a script host.
pub const OFFICE: &str = "c0b02b5f-be49-40e7-a768-2116564f90c4";
/// Access key made for another user.
pub const OTHER_KEY: &str = "cd1a9b53-62e8-4c68-863e-c76a49041b44";
/// Package manager or interpreter starts a shell that downloads.
pub const PACKAGE: &str = "2f63c0c6-04db-44d1-975c-d5aa906bf954";
/// Download piped into a shell by a server or a package manager.
pub const PIPED: &str = "a8636b9c-5ae8-425e-997a-8aa07a1848df";
/// Shell opened in a container by a service account.
pub const POD_SHELL: &str = "5276f161-7f58-4bda-b03a-9e68977615fb";
/// Library forced into every program.
pub const PRELOAD: &str = "05d9a2d4-44d9-4822-81a9-6ebeeb58e6fb";
/// Controller project files packed or copied in bulk by command.
pub const PROJECTS: &str = "672e88f9-7511-4bd9-bd0f-01c20da77667";
/// Physical disk opened by a program in a user-writable directory.
pub const RAW_DISK: &str = "94d36033-a333-421f-85b3-a9c14a0ecf4a";
/// Remote access tool set up for unattended use.
pub const REMOTE_TOOL: &str = "728e1a63-531b-4053-a16f-4fcf16e4bc3d";
/// Directory secrets replicated by an account that is no domain controller.
pub const REPLICATION: &str = "0dd7c407-f9f4-4bbe-baeb-37ff8e96a2de";
/// Sign-in risk: impossible travel, anonymous network, stolen token or leaked password.
pub const RISK: &str = "f33d43c8-82ff-4d82-8f8e-8a5687a5126a";
/// Run key that loads code through a script host.
pub const RUN_KEY: &str = "c8be5c24-7042-4ffa-81f5-7abec1fd24b4";
/// Script host connects to the outside.
pub const SCRIPT_OUT: &str = "d35f0a45-f02e-4c53-9690-c7671eae975f";
/// Security log cleared.
pub const SECURITY_LOG: &str = "424f0e77-2905-452a-9bda-8108de327484";
/// Service installed whose program is a shell command.
pub const SERVICE: &str = "e5f1b754-de3a-4145-b218-8d6c3a261017";
/// Shadow copies deleted.
pub const SHADOWS: &str = "e33bb45e-8778-40e9-a6a4-9048ccf18732";
/// Disk image or archive that a web page built itself.
pub const SMUGGLED: &str = "3cad94ac-390c-454b-9d8a-af3ffd9a7313";
/// Authorised SSH keys written by an unusual program.
pub const SSH_KEYS: &str = "c9dae1bd-fce5-4b88-b42e-63d8fe1417e1";
/// Interpreter of a developer writes into the start-up folder.
pub const STARTUP: &str = "6d5e5b1b-a767-46fc-bfd1-f1634c5dd594";
/// Scheduled task registered that loads code through a script host.
pub const TASK: &str = "e2bfd6e8-7e6c-477f-9955-dfb9d2b147d8";
/// Program in a temporary directory connects to the outside.
pub const TEMPORARY_OUT: &str = "d91e9998-f502-4ed2-8ce3-c1ed4548db87";
/// Attempt to stop or change a trail was denied.
pub const TRAIL_DENIED: &str = "46a3e388-7c55-4b88-a5a7-52a7b2466de4";
/// Trail stopped, deleted or blinded.
pub const TRAIL_STOPPED: &str = "6f960daf-03ab-4ced-bde3-4aeacb50a6ed";
/// Remote desktop viewer service installed on a computer.
pub const VNC: &str = "a141e64f-bbce-451b-a233-ba1cf63ddd53";
/// Wallet files or wallet extension data copied by command.
pub const WALLET_COPIED: &str = "e3cfc9cd-d401-4329-ba29-2b043ab881f4";
/// Web server process runs reconnaissance commands.
pub const WEB_RECON: &str = "d0d48279-e569-4830-b90a-8b3b3a203f37";
/// Server page written by the web server itself.
pub const WEB_SCRIPT: &str = "acde03f8-1dbf-4cb8-9499-9f3e77868304";
/// Web server process starts a shell or a reconnaissance command.
pub const WEB_SHELL: &str = "a10fe768-944b-451b-883c-2923d84fcd2c";
/// Shell started by Windows remote management.
pub const WINRM: &str = "e60ca9bf-18f5-43ac-8ce9-c47721160b7b";
/// Disk overwritten or system tree deleted by command.
pub const WIPED: &str = "91e0656a-f29c-4161-b753-1f1e991ec6a5";
/// Command through WMI with its output written to a local share.
pub const WMI: &str = "c083586a-70a0-4b87-93d2-a70fa49f0d4f";
/// Program in a directory for everybody's files connects to the outside.
pub const WRITABLE_OUT: &str = "8c765755-97ed-42b3-bfe3-b76b33027666";
