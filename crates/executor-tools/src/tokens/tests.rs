//! The estimate against two vocabularies, with many kinds of text: never too few tokens, and not many times too many.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll().to_le_bytes()[0]).collect()
    }

    fn of(&mut self, alphabet: &str, count: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut one = || alphabet[usize::try_from(self.roll()).unwrap() % alphabet.len()];
        (0..count).map(|_| one()).collect()
    }
}

/// Some kilobytes of text of a kind, and how many times too many tokens the estimate may find, in hundredths.
fn kinds() -> Vec<(&'static str, usize, String)> {
    let mut dice = Dice(7);
    let mut lines = |line: &mut dyn FnMut(&mut Dice) -> String| {
        let mut text = String::new();
        for _ in 0..200 {
            let _ = writeln!(text, "{}", line(&mut dice));
        }
        text
    };
    let float = |dice: &mut Dice| {
        let (whole, fraction) = (dice.roll() % 1000, dice.roll() % 1_000_000);
        format!("{whole}.{fraction:06}")
    };
    let mut kinds = vec![
        (
            "integers in lines",
            160,
            lines(&mut |dice| dice.roll().to_string()),
        ),
        (
            "short integers",
            160,
            lines(&mut |dice| {
                let row: Vec<String> = (0..12).map(|_| (dice.roll() % 100).to_string()).collect();
                row.join(" ")
            }),
        ),
        (
            "a list of integers",
            160,
            lines(&mut |dice| {
                let row: Vec<String> = (0..12)
                    .map(|_| (dice.roll() % 10_000).to_string())
                    .collect();
                row.join(", ")
            }),
        ),
        ("digits", 160, lines(&mut |dice| dice.of("0123456789", 80))),
        (
            "floats",
            160,
            lines(&mut |dice| {
                let row: Vec<String> = (0..6).map(|_| float(dice)).collect();
                row.join("  ")
            }),
        ),
        (
            "csv",
            160,
            lines(&mut |dice| {
                format!(
                    "2024-03-{:02},{},{},OK",
                    dice.roll() % 28,
                    float(dice),
                    dice.roll()
                )
            }),
        ),
        (
            "a table",
            200,
            lines(&mut |dice| {
                format!(
                    "| {} | name {} | {} |",
                    dice.roll() % 500,
                    dice.roll() % 9,
                    float(dice)
                )
            }),
        ),
        (
            "json",
            200,
            lines(&mut |dice| {
                let id = dice.roll() % 100_000;
                format!(
                    "{{\"id\":{id},\"name\":\"item {id}\",\"tags\":[\"a\",\"b\"],\"price\":{},\"ok\":true,\"next\":null}}",
                    float(dice)
                )
            }),
        ),
        (
            "hexadecimal",
            160,
            lines(&mut |dice| hex::encode(dice.bytes(32))),
        ),
        (
            "hexadecimal in capitals",
            160,
            lines(&mut |dice| hex::encode_upper(dice.bytes(32))),
        ),
        (
            "a dump",
            200,
            lines(&mut |dice| {
                let bytes = dice.bytes(16);
                let row: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                row.join(" ")
            }),
        ),
        (
            "base64",
            160,
            lines(&mut |dice| BASE64.encode(dice.bytes(48))),
        ),
        (
            "one line of base64",
            160,
            BASE64.encode(Dice(3).bytes(9000)),
        ),
        (
            "identifiers",
            200,
            lines(&mut |dice| {
                let hex = hex::encode(dice.bytes(16));
                format!(
                    "{}-{}-{}-{}-{}",
                    &hex[..8],
                    &hex[8..12],
                    &hex[12..16],
                    &hex[16..20],
                    &hex[20..]
                )
            }),
        ),
        (
            "passwords",
            160,
            lines(&mut |dice| {
                dice.of(
                    "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#$%&*+-",
                    20,
                )
            }),
        ),
        (
            "punctuation",
            160,
            lines(&mut |dice| dice.of("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 60)),
        ),
        (
            "escapes",
            200,
            lines(&mut |dice| {
                dice.bytes(20).iter().fold(String::new(), |mut text, byte| {
                    let _ = write!(text, "\\x{byte:02x}");
                    text
                })
            }),
        ),
        (
            "letters",
            160,
            lines(&mut |dice| dice.of("abcdefghijklmnopqrstuvwxyz", 60)),
        ),
        (
            "capitals",
            160,
            lines(&mut |dice| dice.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 60)),
        ),
        ("genes", 300, lines(&mut |dice| dice.of("ACGT", 60))),
        (
            "blanks and marks",
            250,
            lines(&mut |dice| dice.of(" .#*", 60)),
        ),
        (
            "ideographs",
            300,
            lines(&mut |dice| dice.of(IDEOGRAPHS, 40)),
        ),
        (
            "emoji",
            300,
            lines(&mut |dice| dice.of("😀🎉🚀🐍🔥✅❌🧪🦀🌍👩‍💻", 30)),
        ),
        ("blocks", 300, lines(&mut |dice| dice.of("█▓▒░▄▀", 60))),
        (
            "symbols",
            300,
            lines(&mut |dice| dice.of("∑∫√≤≥≠±∞∂∇αβγδε→←↑↓", 60)),
        ),
    ];
    kinds.extend(
        PROSE
            .iter()
            .map(|(name, most, text)| (*name, *most, text.repeat(8))),
    );
    kinds.push((
        "a bar",
        700,
        format!("{} 100%\n", "━".repeat(40)).repeat(50),
    ));
    kinds.push(("a rule", 1500, format!("{}\n", "-".repeat(70)).repeat(50)));
    kinds.push(("one letter", 900, "x".repeat(10_000)));
    kinds
}

/// The common Chinese characters are as dear as any.
const IDEOGRAPHS: &str = "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从";

const PROSE: &[(&str, usize, &str)] = &[
    (
        "English",
        140,
        "The quick brown fox jumps over the lazy dog. Programs must be written for people to read, and only incidentally for machines to execute; nobody has ever complained that a sentence was too clear.\n",
    ),
    (
        "German",
        180,
        "Die Veröffentlichung der Geschwindigkeitsbegrenzungen überraschte den Bürgermeister, der natürlich längst über alles Bescheid wusste und dennoch äußerst ungehalten reagierte.\n",
    ),
    (
        "French",
        180,
        "Être ou ne pas être, c’est là la question : y a-t-il plus de noblesse d’âme à subir la fronde et les flèches de la fortune outrageante ?\n",
    ),
    (
        "Polish",
        250,
        "Zażółć gęślą jaźń. W Szczebrzeszynie chrząszcz brzmi w trzcinie i Szczebrzeszyn z tego słynie, choć nikt już dokładnie nie wie dlaczego.\n",
    ),
    (
        "Vietnamese",
        400,
        "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi. Mọi con người đều được tạo hoá ban cho lý trí và lương tâm.\n",
    ),
    (
        "Russian",
        300,
        "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.\n",
    ),
    (
        "Greek",
        500,
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι με λογική και συνείδηση.\n",
    ),
    (
        "Arabic",
        500,
        "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء.\n",
    ),
    (
        "Hebrew",
        500,
        "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון, לפיכך חובה עליהם לנהוג איש ברעהו ברוח של אחווה.\n",
    ),
    (
        "Hindi",
        900,
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है।\n",
    ),
    (
        "Thai",
        900,
        "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ\n",
    ),
    (
        "Chinese",
        300,
        "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。\n",
    ),
    (
        "Japanese",
        300,
        "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられている。\n",
    ),
    (
        "Korean",
        400,
        "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.\n",
    ),
    (
        "Python",
        200,
        "def mean(values: list[float], *, default: float | None = None) -> float:\n    \"\"\"The arithmetic mean.\"\"\"\n    if not values:\n        raise ValueError(f\"no values: {values!r}\")\n    return sum(values) / len(values)\n",
    ),
    (
        "a traceback",
        200,
        "Traceback (most recent call last):\n  File \"/tmp/work/main.py\", line 12, in <module>\n    result = compute(data[\"key\"], threshold=0.05)\n             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\nKeyError: 'key'\n",
    ),
    (
        "a log",
        200,
        "2024-05-17T08:15:42.123456Z INFO  worker-3 [request_id=7f3a9c21] GET /api/v1/items?page=2&limit=50 200 OK 12.7ms 10.0.3.17:52344\n",
    ),
    (
        "HTML",
        200,
        "<div class=\"item\" id=\"n-17\"><a href=\"https://example.com/a/b?c=d&amp;e=f\">Title</a><span style=\"color:#ff00aa\">&nbsp;42</span></div>\n",
    ),
    (
        "a link",
        200,
        "{\"mimeType\":\"text/csv\",\"name\":\"display-1/table.csv\",\"size\":1234,\"type\":\"resource_link\",\"uri\":\"python-executor://runs/0f3c9a7e55d14b0c9c1be27a3f6d8812/display-1/table.csv\"}\n",
    ),
    (
        "minified",
        200,
        "!function(e,t){\"object\"==typeof exports?module.exports=t():e.fooBar=t()}(this,function(){var n={a:1,b:[2,3],c:function(r){return r&&r.x||0}};return n});\n",
    ),
];

#[test]
fn the_estimate_is_never_too_low_and_not_far_too_high() {
    let vocabularies = [
        ("o200k", tiktoken_rs::o200k_base_singleton()),
        ("cl100k", tiktoken_rs::cl100k_base_singleton()),
    ];
    let mut faults = Vec::new();
    for (kind, most, text) in kinds() {
        let counts = vocabularies.map(|(_, vocabulary)| vocabulary.encode_ordinary(&text).len());
        let estimate = Tokens::of(&text);
        let [newer, older] = counts.map(|count| estimate / count);
        let is_good = newer.min(older) >= 100 && newer.min(older) <= most;
        if !is_good {
            faults.push(format!(
                "{kind}: {newer} and {older} hundredths of o200k and cl100k, at most {most}"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
