//! Words that mean something other than "this party": legal forms, titles, particles, ordinals, common names.
//!
//! Facts of the languages, written for Palisade. Everything is looked up by its form in Latin
//! letters, so Cyrillic and Latin spellings need one entry.
//!
//! What this module never does: compare two names.

use std::sync::LazyLock;

use foldhash::{HashMap, HashSet};
use palisade_text::fold;
use palisade_text::translit;

/// What a legal form says of a company. Forms of different countries that mean the same are one class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Legal {
    /// `Company`, `Firm`, `شركة`: says only that it is one.
    Company,
    /// Members' liability is limited, shares are not traded: LLC, Ltd, GmbH, OOO, SARL, BV, …
    Limited,
    /// Shares: JSC, AO, AG, SA, plc, NV, …
    Stock,
    /// Shares or not, the law of the United States does not say: Inc, Corp.
    Corporation,
    /// Partnerships: LP, LLP, KG, …
    Partnership,
    /// Owned by a state: FGUP, unitary enterprise.
    State,
    /// Foundations, associations, cooperatives.
    Association,
}

impl Legal {
    /// Its bit in a set.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Two sets of classes cannot be of one company: both say something, and nothing in common.
pub fn legal_conflict(a: u8, b: u8) -> bool {
    let telling = |set: u8| {
        // Inc and Corp are how Americans write of anybody's company.
        let american = set & Legal::Corporation.bit() != 0;
        let set = if american { set | Legal::Stock.bit() | Legal::Limited.bit() } else { set };
        set & !Legal::Company.bit()
    };
    let (a, b) = (telling(a), telling(b));
    a != 0 && b != 0 && a & b == 0
}

/// Legal forms as people write them; folded at first use.
const LEGAL: &[(Legal, &[&str])] = &[
    (
        Legal::Company,
        &[
            "company",
            "co",
            "compagnie",
            "cie",
            "compania",
            "companhia",
            "empresa",
            "firma",
            "enterprise",
            "شركة",
            "kompaniya",
            "pte",
            "sirketi",
            "公司",
            "会社",
            "hoesa",
            "회사",
        ],
    ),
    (
        Legal::Limited,
        &[
            "llc",
            "limited liability company",
            "ltd",
            "limited",
            "co ltd",
            "company limited",
            "ltd co",
            "pty",
            "pty ltd",
            "pte ltd",
            "pvt ltd",
            "private limited",
            "pvt",
            "gmbh",
            "gesellschaft mit beschränkter haftung",
            "mbh",
            "ооо",
            "общество с ограниченной ответственностью",
            "тов",
            "тоо",
            "sarl",
            "societe a responsabilite limitee",
            "srl",
            "s de rl",
            "s de rl de cv",
            "ltda",
            "limitada",
            "lda",
            "bv",
            "bvba",
            "bv ba",
            "sprl",
            "sdn bhd",
            "sdn",
            "bhd",
            "sp z oo",
            "sp zoo",
            "spolka z ograniczona odpowiedzialnoscia",
            "doo",
            "d oo",
            "ood",
            "eood",
            "oou",
            "kft",
            "sro",
            "spol sro",
            "aps",
            "oy",
            "uab",
            "sia",
            "ou",
            "fze",
            "fzc",
            "fzco",
            "fz llc",
            "fzllc",
            "dmcc",
            "wll",
            "spc",
            "limited sirketi",
            "ltd sti",
            "sti",
            "有限公司",
            "有限责任公司",
            "有限責任公司",
            "有限会社",
            "yugen kaisha",
            "유한회사",
            "ذ م م",
            "mchj",
            "sl",
            "sociedad limitada",
            "slu",
            "eirl",
            "sas",
            "s a s",
            "unipersonal",
        ],
    ),
    (
        Legal::Stock,
        &[
            "jsc",
            "joint stock company",
            "joint stock co",
            "ojsc",
            "open joint stock company",
            "pjsc",
            "public joint stock company",
            "cjsc",
            "closed joint stock company",
            "ao",
            "ао",
            "оао",
            "пао",
            "зао",
            "нао",
            "акционерное общество",
            "открытое акционерное общество",
            "публичное акционерное общество",
            "закрытое акционерное общество",
            "pat",
            "ag",
            "aktiengesellschaft",
            "sa",
            "s a",
            "sociedad anonima",
            "societe anonyme",
            "sa de cv",
            "sapi de cv",
            "de cv",
            "saa",
            "sae",
            "sal",
            "sab de cv",
            "nv",
            "n v",
            "plc",
            "public limited company",
            "public company limited",
            "pcl",
            "spa",
            "societa per azioni",
            "ab",
            "aktiebolag",
            "asa",
            "as",
            "a s",
            "aktieselskab",
            "oyj",
            "ab publ",
            "se",
            "kk",
            "kabushiki kaisha",
            "k k",
            "株式会社",
            "股份有限公司",
            "주식회사",
            "pt",
            "tbk",
            "perseroan terbatas",
            "anonim sirketi",
            "ad",
            "dd",
            "akciova spolecnost",
            "zrt",
            "nyrt",
            "psc",
            "psjc",
            "qsc",
            "ksc",
            "ksp",
            "private joint stock company",
            "shareholding company",
        ],
    ),
    (Legal::Corporation, &["inc", "incorporated", "corp", "corporation", "incorp", "корпорация"]),
    (
        Legal::Partnership,
        &[
            "lp",
            "limited partnership",
            "llp",
            "lllp",
            "limited liability partnership",
            "kg",
            "ohg",
            "gmbh co kg",
            "gmbh and co kg",
            "scs",
            "sca",
            "cv",
            "kommanditgesellschaft",
        ],
    ),
    (
        Legal::State,
        &[
            "fgup",
            "фгуп",
            "федеральное государственное унитарное предприятие",
            "gup",
            "state unitary enterprise",
            "federal state unitary enterprise",
            "federal state budgetary institution",
            "unitary enterprise",
            "se enterprise",
        ],
    ),
    (
        Legal::Association,
        &[
            "ev",
            "eg",
            "ngo",
            "ano",
            "foundation",
            "fundacion",
            "stiftung",
            "association",
            "asociacion",
            "cooperative",
            "verein",
        ],
    ),
];

/// Longest legal form, in words.
const MAX_LEGAL_WORDS: usize = 6;

struct Tables {
    legal: HashMap<String, Legal>,
    kinds: HashMap<&'static str, Kind>,
    nicknames: HashMap<&'static str, u16>,
    common: HashMap<String, f32>,
    korean: HashSet<&'static str>,
}

/// What a word is apart from being part of a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Part of a name.
    Plain,
    /// A single letter that may stand for a longer word.
    Initial,
    /// A number, in digits.
    Number,
    /// `bin`, `al`, `von`, `the`, `of`: comes and goes.
    Particle,
    /// `Mr`, `Dr`, `General`, `Haji`: comes and goes.
    Title,
    /// `-ovich`, `-ovna`: often left out, decisive where both have one.
    Patronymic,
    /// A country, nation or great city in a company's name: its branch there is another company.
    Place,
    /// `trading`, `group`, `services`: many companies have it.
    Generic,
}

const PARTICLES: &str = "al el ul ud ad as ash an ar at az il bin ibn ben bint bent binte ould oulad wuld de la le les du des del della delle di da do dos das \
    van von der den ter ten te zu zum zur af av y e i und et and of the for o san na un una los las lo dit a";
const TITLES: &str = "mr mrs ms miss mister sir madam mme mlle monsieur madame herr frau senor senora don dona dr doctor prof professor president prasident \
    minister premier senator governor general gen col colonel lt lieutenant maj major capt captain kapitan sgt sergeant cmdr commander adm admiral brig brigadier \
    marshal hon honorable his excellency he hrh prince princess king queen emir amir sheikh shaykh sheik shaikh cheikh haji hajji hadji hajj haj mullah mulla molla maulavi \
    mawlawi maulvi mawlavi maulana mawlana moulavi qari sayyid ayatollah hojatoleslam alhaj alhaji ustad ustaz engineer eng ing rev reverend father bishop \
    pastor comrade jr sr junior senior esq phd md lord lady dame chief judge justice ambassador chairman director secretary mv ss mt m/v";
const PLACES: &str = "afghanistan albania algeria america american angola argentina armenia asia asian australia australian austria azerbaijan bahrain bangladesh belarus \
    belgium bolivia brazil brasil britain british bulgaria cambodia cameroon canada canadian chad chile china chinese colombia congo croatia cuba cyprus czech denmark deutschland dubai \
    ecuador egypt england estonia ethiopia europe european finland france french georgia german germany ghana greece guatemala honduras hongkong hungary iceland india indian \
    indonesia iran iranian iraq ireland israel italia italy japan japanese jordan kazakhstan kenya korea korean kuwait latvia lebanon liberia libya lithuania luxembourg malaysia \
    malta mexico mongolia morocco moscow mozambique myanmar nederland nepal netherlands newzealand nicaragua nigeria norge norway oman pakistan panama paraguay peru philippines poland \
    polska portugal qatar romania russia russian rossiya saudi schweiz scotland senegal serbia singapore slovakia slovenia somalia spain espana sudan suisse sweden sverige swiss switzerland \
    syria syrian taiwan tanzania tehran thailand tunisia turkey turkiye turkmenistan uae uganda uk ukraine uruguay usa uzbekistan venezuela vietnam yemen zambia zimbabwe london paris berlin \
    shanghai beijing shenzhen tokyo moskva istanbul havana damascus baghdad karachi mumbai delhi dallas phoenix york angeles africa african pacific atlantic gulf north south east west northern \
    southern eastern western central";
const GENERIC: &str = "group gruppe grupo groupe holding holdings trading trade general international global world national industries industry industrial services service \
    solutions systems system technology technologies tech engineering construction development investment investments management consulting commercial import export \
    shipping marine maritime transport logistics petroleum oil gas energy power electric electronics bank banking banco trust fund capital finance financial insurance securities partners \
    partnership enterprise enterprises business corporation corp company institute university center centre organization organisation committee ministry department \
    government bureau office agency authority association union federation society foundation party front army force forces brigade products production manufacturing \
    motor motors steel metal mining chemical pharma pharmaceutical medical health food foods agriculture agro real estate properties property home design media network \
    networks software data internet communications telecom telecommunications airline airlines airways aviation air travel tours hotel resources supply equipment materials plant factory works zavod \
    research science scientific state public private joint new first united obshchestvo kompaniya bank zavod tsentr institut";

/// Groups of forms of one given name. The first word of a line is the full form.
const NICKNAMES: &[&str] = &[
    "benjamin ben benny bibi benji",
    "william bill billy will willy liam",
    "robert bob bobby rob robbie",
    "richard rick dick ricky rich",
    "james jim jimmy jamie",
    "john jack johnny jon",
    "joseph joe joey",
    "michael mike mick micky misha",
    "thomas tom tommy",
    "timothy tim timmy",
    "charles charlie chuck",
    "edward ed eddie ted teddy",
    "elizabeth liz beth betty lisa eliza",
    "margaret maggie meg peggy",
    "katherine catherine kate kathy cathy katie katya",
    "alexander aleksandr alex sasha sascha xander aleks oleksandr",
    "alexandra alexa sandra sasha",
    "vladimir vova volodya wladimir vlad",
    "dmitry dmitri dima dmitriy dimitri",
    "sergey sergei seryozha sergej",
    "mikhail misha michail",
    "nikolai kolya nikolay nick",
    "nicholas nick nicky nico",
    "ivan vanya",
    "yevgeny evgeny zhenya eugene evgeniy",
    "anthony tony antonio",
    "daniel dan danny",
    "david dave davy",
    "samuel sam sammy",
    "stephen steven steve stevie",
    "matthew matt",
    "andrew andy drew",
    "peter pete pyotr",
    "gregory greg",
    "jeffrey jeff geoffrey geoff",
    "kenneth ken kenny",
    "lawrence larry laurence",
    "leonard leo lenny len",
    "patrick pat paddy",
    "patricia pat patty tricia",
    "philip phil phillip",
    "raymond ray",
    "ronald ron ronnie",
    "donald don donnie",
    "susan sue susie",
    "theodore ted theo",
    "victoria vicky tori",
    "barack barry",
    "francisco paco pancho",
    "jose pepe",
    "enrique quique kike",
    "jesus chucho",
    "joaquin chapo",
    "ignacio nacho",
    "manuel manolo",
    "guillermo memo",
    "fredrick fred freddy frederick friedrich fritz",
    "johannes hans johann",
    "wilhelm willi",
    "heinrich heinz henry harry",
    "abdullah abdallah",
    "christopher chris kit",
    "jennifer jenny jen",
    "jessica jess",
    "rebecca becky",
    "deborah debbie",
    "barbara barb",
    "albert al bert",
    "alfred al fred alf",
    "arthur art",
    "walter walt wally",
    "vincent vince vinny",
    "zachary zach zack",
    "nathaniel nathan nate",
    "maximilian max maxim maksim",
    "tatiana tanya tatyana",
    "natalia natasha natalya",
    "maria masha marie mary",
    "anastasia nastya",
    "yekaterina katya ekaterina",
    "yury yuri jury iurii yuriy",
    "konstantin kostya",
    "pavel pasha paul",
    "boris borya",
    "gennady gena gennadiy",
    "anatoly tolya anatoliy",
    "valery valera",
    "viktor vitya victor",
];

/// Very common names (weight 0.6) and common ones (0.8): their agreement says less.
const VERY_COMMON: &str = "mohammed muhammad mohamed mohammad ahmed ahmad ali hassan hasan hussein husayn ibrahim abdullah abdallah abdul abd abdel abu omar umar khan kim ri \
    lee pak park choe jong song kang yun jang hong li wang zhang liu chen yang zhao wu zhou ivan vladimir sergey alexander aleksandr andrey mikhail nikolai dmitry alexey jose \
    maria juan carlos luis john james michael david robert william garcia rodriguez gonzalez lopez martinez perez hernandez sanchez smith singh kumar nguyen mahmoud mahmud said \
    saeed yusuf yousef saleh salih salim khalid hamid rahman karim mustafa umm un il chol yong";
const COMMON: &str = "osman uthman ismail musa isa dawood daoud sulaiman suleiman ayman tariq walid jamal kamal nasser naser aziz malik hamza bilal zaid ziad faisal fahd majid rashid \
    rahim latif qadir hakim jalil wahid ghani haq jan gul agha din ullah reza hossein mehdi mahdi akbar amir jafar fatima zahra aisha khadija igor oleg yuri viktor victor pavel petr \
    ivanov petrov ivanova vladimirovich alexandrovich sergeevich nikolaevich ivanovich mikhailovich anatolievich viktorovich yurievich aleksandrovich aleksandrovna vladimirovna pedro jorge \
    miguel antonio francisco jesus manuel ramirez torres flores rivera gomez diaz reyes cruz morales ortiz paul peter thomas george richard charles joseph daniel mark brown jones \
    williams johnson miller davis sharma patel gupta das myung chul hyok sok su nam ho chun min jin hyon guk il sung tae ha huang lin zhu ma guo he luo gao xu sun hu";

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut legal = HashMap::default();
    for (class, forms) in LEGAL {
        for form in *forms {
            legal.insert(key_of(form), *class);
        }
    }
    let mut kinds = HashMap::default();
    for (kind, words) in
        [(Kind::Generic, GENERIC), (Kind::Place, PLACES), (Kind::Title, TITLES), (Kind::Particle, PARTICLES)]
    {
        for word in words.split_ascii_whitespace() {
            kinds.insert(word, kind);
        }
    }
    let mut nicknames = HashMap::default();
    for (group, line) in NICKNAMES.iter().enumerate() {
        for word in line.split_ascii_whitespace() {
            nicknames.entry(word).or_insert(group as u16 + 1);
        }
    }
    let mut common = HashMap::default();
    for (weight, words) in [(0.8, COMMON), (0.6, VERY_COMMON)] {
        for word in words.split_ascii_whitespace() {
            common.insert(translit::sound_key(word), weight);
        }
    }
    Tables { legal, kinds, nicknames, common, korean: KOREAN.split_ascii_whitespace().collect() }
});

/// Words of a phrase in Latin letters, joined by one blank.
fn key_of(phrase: &str) -> String {
    let words: Vec<String> =
        fold::words(phrase).0.iter().map(|word| translit::latin(&word.text, word.script)).collect();
    words.join(" ")
}

/// The legal form that begins at word `at`, and how many words it has. The longest form wins.
pub fn legal_at(words: &[impl AsRef<str>], at: usize, key: &mut String) -> Option<(Legal, usize)> {
    let rest = words.get(at..)?;
    key.clear();
    let mut found = None;
    for (n, word) in rest.iter().take(MAX_LEGAL_WORDS).enumerate() {
        if n > 0 {
            key.push(' ');
        }
        key.push_str(word.as_ref());
        if let Some(class) = TABLES.legal.get(key.as_str()) {
            found = Some((*class, n + 1));
        }
    }
    found
}

/// What kind of word this is in a person's name.
pub fn person_kind(word: &str) -> Kind {
    match TABLES.kinds.get(word) {
        _ if word.len() == 1 && !is_number(word) => Kind::Initial,
        Some(kind @ (Kind::Particle | Kind::Title)) => *kind,
        _ if is_number(word) => Kind::Number,
        _ if is_patronymic(word) => Kind::Patronymic,
        _ => Kind::Plain,
    }
}

/// What kind of word this is in the name of an organisation, vessel or anything else.
pub fn thing_kind(word: &str) -> Kind {
    match TABLES.kinds.get(word) {
        Some(Kind::Title) if !matches!(word, "mv" | "ss" | "mt") => Kind::Plain,
        Some(kind) => *kind,
        _ if is_number(word) => Kind::Number,
        _ => Kind::Plain,
    }
}

/// `bin`, `ibn`, `bint`: what stands behind is the father.
pub fn is_lineage(word: &str) -> bool {
    matches!(word, "bin" | "ibn" | "ben" | "bint" | "bent" | "ould" | "wuld" | "oglu" | "ogly" | "qizi")
}

/// Family names of Slavic women and men that differ in their ends only: 1 for a man's, 2 for a woman's, 0 for neither.
pub fn slavic_gender(word: &str) -> u8 {
    let ends = |ends: &[&str]| word.len() >= 5 && ends.iter().any(|e| word.ends_with(e));
    if ends(&["ova", "eva", "ina", "yna", "skaya", "skaia", "aya", "cka", "ska"]) {
        2
    } else if ends(&["ov", "ev", "in", "yn", "sky", "skiy", "skij", "skii", "ski", "iy", "off"]) {
        1
    } else {
        0
    }
}

/// All digits.
pub fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// Russian, Ukrainian and Bulgarian names after the father.
pub fn is_patronymic(word: &str) -> bool {
    word.len() >= 7
        && [
            "ovich", "evich", "ovych", "evych", "ovitch", "evitch", "ovic", "ovna", "evna", "ivna", "ichna",
            "yevich", "owicz",
        ]
        .iter()
        .any(|end| word.ends_with(end))
}

/// The group of given names that are forms of one; 0 if none.
pub fn nickname(word: &str) -> u16 {
    TABLES.nicknames.get(word).copied().unwrap_or(0)
}

/// Weight of a common name by its [`sound_key`](translit::sound_key), 1 for all others.
pub fn background(sound: &str) -> f32 {
    TABLES.common.get(sound).copied().unwrap_or(1.0)
}

/// `Jr`, `II`, `3rd`: which of several bearers of one name a person is. 1 is the first.
pub fn generation(word: &str) -> Option<u8> {
    Some(match word {
        "jr" | "junior" | "ii" | "2nd" | "iind" => 2,
        "sr" | "senior" | "1st" => 1,
        "iii" | "3rd" => 3,
        "iv" | "4th" => 4,
        _ => return None,
    })
}

/// The value of a Roman numeral of at least two letters (or one of `v`, `x`), up to 39.
pub fn roman(word: &str) -> Option<u32> {
    if word.is_empty() || word.len() > 7 || !word.bytes().all(|b| matches!(b, b'i' | b'v' | b'x')) {
        return None;
    }
    let value = |b: u8| match b {
        b'i' => 1,
        b'v' => 5,
        _ => 10u32,
    };
    let b = word.as_bytes();
    let mut total = 0u32;
    for (at, c) in b.iter().enumerate() {
        let this = value(*c);
        match b.get(at + 1).map(|n| value(*n)) {
            Some(next) if next > this => total = total.checked_sub(this)?,
            _ => total += this,
        }
        if at > 40 {
            return None;
        }
    }
    Some(total)
}

/// The value of an English number word; tens and ones come as two words.
pub fn number_word(word: &str) -> Option<u32> {
    Some(match word {
        "one" => 1,
        "two" => 2,
        "three" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "seven" => 7,
        "eight" => 8,
        "nine" => 9,
        "ten" => 10,
        "eleven" => 11,
        "twelve" => 12,
        "twenty" => 20,
        "thirty" => 30,
        "forty" | "fourty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        _ => return None,
    })
}

/// Spellings of surnames that Korean names begin with, in any of the usual systems.
const KOREAN: &str = "kim gim ri lee yi rhee li pak park bak choe choi chung jong jeong jung chong cho jo kang gang yun yoon youn jang chang \
    im rim lim han o oh so seo suh sin shin kwon gwon hwang an ahn song yu ryu yoo hong jon jeon chun chon ko go koh mun moon son sohn yang ryang \
    pae bae paek baek back ho heo huh nam sim shim ro no roh noh ha kwak gwak sung cha chu ju joo u woo ku koo gu ra na chi ji om um eom won bang \
    pang kong gong hyon hyun ham pyon byun byon ryom yom yeom ma kil gil wi pyo ki myong tae paeng yon jin";

/// Whether Korean names begin with this word.
pub fn korean_surname(word: &str) -> bool {
    word.len() <= 6 && TABLES.korean.contains(word)
}
