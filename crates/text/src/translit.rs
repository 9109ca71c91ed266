//! Transliteration into the letters `a`–`z`: Cyrillic, Greek, Arabic, Hebrew, Kana, Han and the rest.
//!
//! Letter tables follow what passports and newspapers write (close to BGN/PCGN), not scholarly
//! systems with marks. Spellings that differ between systems (Ю yu/iu/ju, Щ shch/sch) are brought
//! together afterwards by [`sound_key`], which works on Latin names of any origin too. Characters
//! without a table here go through `any_ascii` (which knows Mandarin readings of Han).
//!
//! What this module never does: say that two words are one name.

use crate::fold::Script;
use crate::korean;

/// A folded word in letters `a`–`z` and digits. Empty if nothing of it has a Latin form.
///
/// For Han it is the Mandarin reading; see [`korean_reading`] and [`japanese_reading`] for others.
pub fn latin(word: &str, script: Script) -> String {
    let mut out = String::with_capacity(word.len());
    match script {
        Script::Latin if word.is_ascii() => return word.to_owned(),
        Script::Cyrillic => cyrillic(word, &mut out),
        Script::Greek => greek(word, &mut out),
        Script::Arabic => arabic(word, &mut out),
        Script::Hebrew => hebrew(word, &mut out),
        Script::Han => {
            for c in word.chars() {
                out.push_str(han_syllable(c));
                if out.len() > 4 * crate::fold::MAX_WORD {
                    break;
                }
            }
        }
        Script::Hangul => {
            for c in word.chars() {
                match korean::decompose(c) {
                    Some(s) => s.latin(&mut out),
                    None => ascii(c, &mut out),
                }
            }
        }
        Script::Kana => kana(word, &mut out),
        _ => {
            for c in word.chars() {
                letter(c, &mut out);
            }
        }
    }
    // `any_ascii` writes capitals and apostrophes.
    out.retain(|c| c.is_ascii_alphanumeric());
    out.make_ascii_lowercase();
    out
}

/// Mandarin reading of one character, as surnames are read.
pub fn han_syllable(c: char) -> &'static str {
    match c {
        '单' | '單' => "Shan",
        '曾' => "Zeng",
        '仇' => "Qiu",
        '解' => "Xie",
        '查' => "Zha",
        '区' | '區' => "Ou",
        '任' => "Ren",
        '盖' | '蓋' => "Ge",
        '翟' => "Zhai",
        '朴' => "Piao",
        '沈' => "Shen",
        '尹' => "Yin",
        '吕' | '呂' => "Lu",
        other => any_ascii::any_ascii_char(other),
    }
}

fn ascii(c: char, out: &mut String) {
    out.push_str(any_ascii::any_ascii_char(c));
}

/// Latin letters beyond ASCII as people write them when they lack the key.
fn letter(c: char, out: &mut String) {
    match c {
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'ø' => out.push('o'),
        'ł' => out.push('l'),
        'đ' | 'ð' => out.push('d'),
        'þ' => out.push_str("th"),
        'ı' => out.push('i'),
        'ə' => out.push('a'),
        'a'..='z' | '0'..='9' => out.push(c),
        other => ascii(other, out),
    }
}

fn cyrillic(word: &str, out: &mut String) {
    let ukrainian = word.contains(['і', 'ї', 'є', 'ґ']);
    let mut before = ' ';
    for c in word.chars() {
        let piece = match c {
            'а' | 'ә' => "a",
            'б' => "b",
            'в' => "v",
            'г' if ukrainian => "h",
            'г' | 'ґ' | 'ғ' => "g",
            'д' => "d",
            'е' | 'э' | 'ё' => "e",
            'є' => "ye",
            'ж' | 'җ' => "zh",
            'з' => "z",
            'и' if ukrainian => "y",
            'и' | 'і' => "i",
            'ї' => "yi",
            // -ий, -ый: the end of most Russian surnames that are adjectives.
            'й' if matches!(before, 'и' | 'ы') => "",
            'й' | 'ы' => "y",
            'ј' => "j",
            'к' | 'қ' => "k",
            'л' => "l",
            'љ' => "lj",
            'м' => "m",
            'н' => "n",
            'њ' => "nj",
            'ң' => "ng",
            'о' | 'ө' => "o",
            'п' => "p",
            'р' => "r",
            'с' => "s",
            'т' => "t",
            'ћ' => "c",
            'ђ' => "dj",
            'у' | 'ў' | 'ұ' | 'ү' => "u",
            'ф' => "f",
            'х' | 'ҳ' => "kh",
            'һ' => "h",
            'ц' => "ts",
            'ч' | 'ҷ' => "ch",
            'џ' => "dz",
            'ш' => "sh",
            'щ' => "shch",
            'ъ' | 'ь' => "",
            'ю' => "yu",
            'я' => "ya",
            'ѓ' => "gj",
            'ќ' => "kj",
            'ѕ' => "dz",
            other => {
                letter(other, out);
                ""
            }
        };
        out.push_str(piece);
        before = c;
    }
}

fn greek(word: &str, out: &mut String) {
    let letters: Vec<char> = word.chars().collect();
    let mut at = 0;
    while let Some(&c) = letters.get(at) {
        let next = letters.get(at + 1).copied().unwrap_or(' ');
        let (piece, used) = match (c, next) {
            ('ο', 'υ') => ("ou", 2),
            ('α', 'υ') => ("af", 2),
            ('ε', 'υ') => ("ef", 2),
            ('μ', 'π') => (if at == 0 { "b" } else { "mp" }, 2),
            ('ν', 'τ') => (if at == 0 { "d" } else { "nt" }, 2),
            ('γ', 'κ') => (if at == 0 { "g" } else { "gk" }, 2),
            ('γ', 'γ') => ("ng", 2),
            ('τ', 'ζ') => ("tz", 2),
            ('α', _) => ("a", 1),
            ('β', _) => ("v", 1),
            ('γ', _) => ("g", 1),
            ('δ', _) => ("d", 1),
            ('ε', _) => ("e", 1),
            ('ζ', _) => ("z", 1),
            ('η' | 'ι', _) => ("i", 1),
            ('υ', _) => ("y", 1),
            ('θ', _) => ("th", 1),
            ('κ', _) => ("k", 1),
            ('λ', _) => ("l", 1),
            ('μ', _) => ("m", 1),
            ('ν', _) => ("n", 1),
            ('ξ', _) => ("x", 1),
            ('ο' | 'ω', _) => ("o", 1),
            ('π', _) => ("p", 1),
            ('ρ', _) => ("r", 1),
            ('σ' | 'ς', _) => ("s", 1),
            ('τ', _) => ("t", 1),
            ('φ', _) => ("f", 1),
            ('χ', _) => ("ch", 1),
            ('ψ', _) => ("ps", 1),
            (other, _) => {
                ascii(other, out);
                ("", 1)
            }
        };
        out.push_str(piece);
        at += used;
    }
}

fn arabic(word: &str, out: &mut String) {
    let letters: Vec<char> = word.chars().collect();
    for (at, &c) in letters.iter().enumerate() {
        let first = at == 0;
        let next_vowel = letters.get(at + 1).is_some_and(|n| matches!(n, 'ا' | 'و' | 'ی'));
        let piece = match c {
            'ا' => "a",
            'ب' => "b",
            'پ' => "p",
            'ت' | 'ط' | 'ٹ' => "t",
            'ث' => "th",
            'ج' => "j",
            'چ' => "ch",
            'ح' | 'ه' | 'ہ' | 'ھ' => "h",
            'خ' => "kh",
            'د' | 'ڈ' => "d",
            'ذ' => "dh",
            'ر' | 'ڑ' => "r",
            'ز' | 'ظ' => "z",
            'ژ' => "zh",
            'س' | 'ص' => "s",
            'ش' => "sh",
            'ض' => "d",
            // A throat sound that Latin spellings leave out or write as a vowel.
            'ع' => "a",
            'غ' => "gh",
            'ف' => "f",
            'ق' => "q",
            'ک' | 'ك' => "k",
            'گ' => "g",
            'ل' => "l",
            'م' => "m",
            'ن' | 'ں' => "n",
            'و' if first || next_vowel => "w",
            'و' => "u",
            'ی' | 'ي' | 'ے' if first || next_vowel => "y",
            'ی' | 'ي' | 'ے' => "i",
            'ء' => "",
            other => {
                ascii(other, out);
                ""
            }
        };
        out.push_str(piece);
    }
}

fn hebrew(word: &str, out: &mut String) {
    let letters: Vec<char> = word.chars().collect();
    for (at, &c) in letters.iter().enumerate() {
        let first = at == 0;
        let piece = match c {
            'א' | 'ע' => "a",
            'ב' if first => "b",
            'ב' => "v",
            'ג' => "g",
            'ד' => "d",
            'ה' => "h",
            'ו' if first => "v",
            'ו' => "o",
            'ז' => "z",
            'ח' => "h",
            'ט' | 'ת' => "t",
            'י' if first => "y",
            'י' => "i",
            'כ' | 'ך' | 'ק' => "k",
            'ל' => "l",
            'מ' | 'ם' => "m",
            'נ' | 'ן' => "n",
            'ס' => "s",
            'פ' if first => "p",
            'פ' | 'ף' => "f",
            'צ' | 'ץ' => "ts",
            'ר' => "r",
            'ש' => "sh",
            other => {
                ascii(other, out);
                ""
            }
        };
        out.push_str(piece);
    }
}

fn kana(word: &str, out: &mut String) {
    for c in word.chars() {
        // The long-vowel mark lengthens what stands before, and Latin spellings leave it out.
        if c != 'ー' {
            ascii(c, out);
        }
    }
}

/// Brings spellings of one sound together: `Kh`/`h`, `ph`/`f`, `w`/`v`, `ou`/`oo`/`u`, `-off`/`-ov`, doubled letters, …
///
/// The result is a word over `a`–`z` where `x` stands for *sh* and `c` for *ch*. Different names can
/// share a key; same key is a reason to believe in one name, not a proof.
pub fn sound_key(latin: &str) -> String {
    let b = latin.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut at = 0;
    while at < b.len() {
        let rest = &b[at..];
        let (piece, used): (&[u8], usize) = match rest {
            [b's', b'h', b'c', b'h', ..] => (b"x", 4),
            [b't', b's', b'c', b'h', ..] => (b"c", 4),
            [b'd', b's', b'c', b'h', ..] => (b"j", 4),
            [b's', b'c', b'h', ..] => (b"x", 3),
            [b't', b'c', b'h', ..] => (b"c", 3),
            [b'd', b'z', b'h', ..] => (b"j", 3),
            [b'k', b'h', ..] => (b"h", 2),
            [b'g', b'h', ..] => (b"g", 2),
            [b's', b'h', ..] => (b"x", 2),
            [b'c', b'h', ..] => (b"c", 2),
            [b'z', b'h', ..] | [b'd', b'j', ..] => (b"j", 2),
            [b'p', b'h', ..] => (b"f", 2),
            [b't', b'h', ..] => (b"t", 2),
            [b'd', b'h', ..] => (b"d", 2),
            [b'b', b'h', ..] => (b"b", 2),
            [b'r', b'h', ..] => (b"r", 2),
            [b'c', b'k', ..] => (b"k", 2),
            [b'c', b'z', ..] => (b"c", 2),
            [b't', b'z', ..] => (b"ts", 2),
            [b'o', b'u', ..] | [b'o', b'o', ..] | [b'u', b'e', ..] => (b"u", 2),
            [b'e', b'e', ..] | [b'i', b'y', ..] | [b'i', b'i', ..] => (b"i", 2),
            [b'a', b'e', ..] => (b"e", 2),
            [b'e', b'y', ..] | [b'e', b'i', ..] => (b"ei", 2),
            [b'a', b'y', ..] => (b"ai", 2),
            [b'y', b'a', ..] | [b'j', b'a', ..] if at > 0 => (b"ia", 2),
            [b'y', b'u', ..] | [b'j', b'u', ..] if at > 0 => (b"iu", 2),
            // Latvian endings; -ej and -ij of Czechs, Slovaks and Poles.
            [b'e', b'j', b's'] | [b'e', b'j'] => (b"ei", rest.len()),
            [b'i', b'j', b's'] | [b'i', b'j'] => (b"i", rest.len()),
            [b'o', b'v', b's'] => (b"ov", 3),
            [b'e', b'v', b's'] => (b"ev", 3),
            [b'o', b'f', b'f'] => (b"ov", 3),
            [b'e', b'f', b'f'] => (b"ev", 3),
            [b'c', b'e' | b'i' | b'y', ..] => (b"s", 1),
            [b'c', ..] | [b'q', ..] => (b"k", 1),
            [b'w', ..] => (b"v", 1),
            [b'x', ..] if at > 0 => (b"ks", 1),
            [b'y', next, ..] if !crate::alike::is_vowel(*next) => (b"i", 1),
            [b'y'] => (b"i", 1),
            [c, ..] => (std::slice::from_ref(c), 1),
            [] => break,
        };
        for &c in piece {
            if out.last() != Some(&c) || c.is_ascii_digit() {
                out.push(c);
            }
        }
        at += used;
    }
    String::from_utf8(out).unwrap_or_default()
}

/// What is left of a [`sound_key`] without its vowels: one key for the many spellings of one Arabic name.
///
/// A vowel at the beginning is kept as `a`. For finding candidates, never evidence by itself.
pub fn skeleton(sound: &str) -> String {
    let mut out = String::with_capacity(sound.len());
    for (at, c) in sound.bytes().enumerate() {
        let c = match c {
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' if at == 0 => 'a',
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => continue,
            b'h' | b'v' if at > 0 && at + 1 == sound.len() => continue,
            other => char::from(other),
        };
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

/// Han characters that are common in Korean names, by their Korean reading (in the spelling of the DPRK).
const KOREAN: [(&str, &str); 90] = [
    ("an", "安"),
    ("cha", "車车"),
    ("choe", "崔"),
    ("chol", "哲喆鐵铁"),
    ("chon", "千天"),
    ("chu", "秋"),
    ("chun", "春"),
    ("ha", "河夏賀"),
    ("hae", "海解"),
    ("ham", "咸"),
    ("han", "韓韩漢翰"),
    ("ho", "許许虚浩虎鎬湖"),
    ("hong", "洪弘紅"),
    ("hui", "姬喜熙姫希"),
    ("hun", "勳勋薰"),
    ("hwang", "黃黄"),
    ("hyok", "赫革爀"),
    ("hyon", "玄鉉顯賢炫现"),
    ("hyong", "亨炯衡馨"),
    ("il", "日一"),
    ("im", "任"),
    ("in", "寅仁人"),
    ("ja", "子慈"),
    ("jae", "宰在載"),
    ("jang", "張张長章"),
    ("ji", "池智志知之"),
    ("jin", "鎭振珍眞镇"),
    ("jo", "趙赵曺曹朝"),
    ("jon", "全田錢傳"),
    ("jong", "鄭郑丁正政貞靜廷庭晶"),
    ("ju", "朱周柱珠宙主"),
    ("jun", "俊準峻濬"),
    ("kang", "姜康强強江"),
    ("ki", "基起紀箕"),
    ("kil", "吉"),
    ("kim", "金"),
    ("ko", "高古"),
    ("kong", "孔公"),
    ("ku", "具邱"),
    ("kuk", "國国"),
    ("kwak", "郭"),
    ("kwan", "寬冠觀"),
    ("kwang", "光廣匡"),
    ("kwon", "權权"),
    ("kyu", "圭奎揆"),
    ("ma", "馬马"),
    ("mi", "美"),
    ("min", "珉民敏玟"),
    ("mun", "文"),
    ("myong", "明命銘"),
    ("nam", "南男"),
    ("o", "吳吴"),
    ("ok", "玉沃"),
    ("om", "嚴严"),
    ("pae", "裵裴培"),
    ("paek", "白百"),
    ("pak", "朴"),
    ("pang", "方邦"),
    ("pom", "範范凡"),
    ("pong", "奉鳳"),
    ("pyon", "卞邊"),
    ("pyong", "炳秉兵"),
    ("ra", "羅罗"),
    ("ri", "李"),
    ("rim", "林"),
    ("ro", "盧卢魯鲁"),
    ("ryang", "梁楊杨亮"),
    ("ryo", "呂吕"),
    ("ryom", "廉"),
    ("ryu", "柳劉刘庾"),
    ("sang", "相尚祥尙"),
    ("sim", "沈心"),
    ("sin", "申信辛新愼慎"),
    ("so", "徐瑞緖"),
    ("sol", "雪"),
    ("son", "孫孙善先宣"),
    ("song", "宋松成聖盛星性誠城"),
    ("su", "秀洙壽水"),
    ("suk", "淑叔"),
    ("sun", "順淳"),
    ("sung", "承勝昇"),
    ("taek", "澤泽擇"),
    ("to", "道度"),
    ("tong", "東东同動"),
    ("u", "禹雨宇祐佑"),
    ("un", "恩銀殷垠"),
    ("won", "元原源"),
    ("yo", "與与"),
    ("yong", "永英榮泳映龍勇龙容庸"),
    ("yun", "尹允潤胤"),
];

/// Japanese surnames and given names that are written with Han characters, longest first: which of a
/// character's readings a name takes cannot be computed.
const JAPANESE: [(&str, &str); 97] = [
    ("佐々木", "sasaki"),
    ("由美子", "yumiko"),
    ("純一郎", "junichiro"),
    ("長谷川", "hasegawa"),
    ("一郎", "ichiro"),
    ("三郎", "saburo"),
    ("上田", "ueda"),
    ("中島", "nakajima"),
    ("中村", "nakamura"),
    ("井上", "inoue"),
    ("伊藤", "ito"),
    ("佐藤", "sato"),
    ("健二", "kenji"),
    ("健太", "kenta"),
    ("内田", "uchida"),
    ("加藤", "kato"),
    ("吉田", "yoshida"),
    ("和夫", "kazuo"),
    ("坂本", "sakamoto"),
    ("大輔", "daisuke"),
    ("太田", "ota"),
    ("太郎", "taro"),
    ("安倍", "abe"),
    ("安藤", "ando"),
    ("宮崎", "miyazaki"),
    ("宮本", "miyamoto"),
    ("小川", "ogawa"),
    ("小林", "kobayashi"),
    ("小泉", "koizumi"),
    ("山口", "yamaguchi"),
    ("山崎", "yamazaki"),
    ("山本", "yamamoto"),
    ("山田", "yamada"),
    ("岡本", "okamoto"),
    ("岡田", "okada"),
    ("岸田", "kishida"),
    ("工藤", "kudo"),
    ("後藤", "goto"),
    ("恵子", "keiko"),
    ("房子", "fusako"),
    ("文雄", "fumio"),
    ("斎藤", "saito"),
    ("早苗", "sanae"),
    ("晋三", "shinzo"),
    ("木村", "kimura"),
    ("村上", "murakami"),
    ("松本", "matsumoto"),
    ("柴田", "shibata"),
    ("森田", "morita"),
    ("横山", "yokoyama"),
    ("橋本", "hashimoto"),
    ("次郎", "jiro"),
    ("正雄", "masao"),
    ("池田", "ikeda"),
    ("洋子", "yoko"),
    ("清水", "shimizu"),
    ("渡辺", "watanabe"),
    ("渡邊", "watanabe"),
    ("田中", "tanaka"),
    ("石井", "ishii"),
    ("石川", "ishikawa"),
    ("石田", "ishida"),
    ("石破", "ishiba"),
    ("福田", "fukuda"),
    ("義偉", "yoshihide"),
    ("翔太", "shota"),
    ("花子", "hanako"),
    ("英樹", "hideki"),
    ("藤井", "fujii"),
    ("藤原", "fujiwara"),
    ("藤田", "fujita"),
    ("西村", "nishimura"),
    ("近藤", "kondo"),
    ("遠藤", "endo"),
    ("酒井", "sakai"),
    ("重信", "shigenobu"),
    ("野田", "noda"),
    ("金子", "kaneko"),
    ("鈴木", "suzuki"),
    ("阿部", "abe"),
    ("青木", "aoki"),
    ("高市", "takaichi"),
    ("高木", "takagi"),
    ("高橋", "takahashi"),
    ("麻原", "asahara"),
    ("齋藤", "saito"),
    ("原", "hara"),
    ("明", "akira"),
    ("林", "hayashi"),
    ("森", "mori"),
    ("浩", "hiroshi"),
    ("稔", "minoru"),
    ("管", "kan"),
    ("茂", "shigeru"),
    ("菅", "suga"),
    ("誠", "makoto"),
    ("隆", "takashi"),
];

/// Korean reading of a Han character that is common in Korean names; `None` if it is not.
pub fn korean_reading(c: char) -> Option<&'static str> {
    KOREAN.iter().find(|(_, characters)| characters.contains(c)).map(|(reading, _)| *reading)
}

/// Japanese reading of a name in Han characters, its words apart; `None` unless all of it is in the table.
pub fn japanese_reading(name: &str) -> Option<Vec<&'static str>> {
    let mut rest = name;
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (written, reading) = JAPANESE.iter().find(|(written, _)| rest.starts_with(written))?;
        words.push(*reading);
        rest = &rest[written.len()..];
    }
    Some(words)
}
