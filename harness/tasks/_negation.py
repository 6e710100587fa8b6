"""Whether a label in an answer is negated ("not positive"), in the languages that most people speak.

A word of negation counts a few words before or after the label, in its sentence. Languages that build negation into
other words (Korean, Turkish) are looked for by stems; scripts without spaces by what stands next to the label. The
lists err towards negation: a label that may be negated is not read, and the answer is counted as unread.
"""

from __future__ import annotations

import unicodedata

import regex

from harness.text.words import has_unspaced

WORDS_BEFORE, WORDS_AFTER = 4, 3  # how near to a label, in its sentence, a word of negation counts
CHARACTERS_BEFORE, CHARACTERS_AFTER = 6, 10  # the same for scripts without spaces
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}_'’]+")
_SENTENCE = regex.compile(r"[.!?;\n。！？；।۔؟]")
_ASIDE = regex.compile(r"[,،(:]|\s[-–—]+\s|—")  # what follows it gives a reason
_CLAUSE = regex.compile(r"[.!?;\n。！？；，、,]")
_WORDS = """
not no never neither nor without non un cannot hardly barely unlikely rather instead except wrong incorrect false
opposite far lacks nothing
no ni nunca jamás sin tampoco ningún ninguno ninguna nada
pas non jamais ni sans aucun aucune guère point
não nem nunca jamais sem nenhum nenhuma tampouco
nicht kein keine keinen keinem keiner keines nie niemals weder ohne kaum
niet geen nooit zonder
non né mai senza nessun nessuno nessuna neanche
не нет ни никогда без нельзя вряд
не ні ніколи без немає
nie nigdy bez żaden żadna żadne ani
ne není nejsou nikdy bez ani žádný
inte ej aldrig utan ingen inget icke ikke aldri uten
ei eivät ole eikä ilman
nem nincs sem soha nélkül
nu niciodată fără nici
δεν δε μη μην όχι ποτέ χωρίς ούτε
değil yok hiç olmayan asla ne
لا ليس ليست لم لن غير بدون ليسوا كلا ما
نه نیست نیستند غیر بدون هرگز
לא אין אינו אינה בלי אינם
नहीं न मत ना नही बिना नहीँ
নয় না নেই নন নি বিনা
نہیں نہ مت بغیر
नाही नको नाहीत नव्हे
નથી નહીં ના
ਨਹੀਂ ਨਾ
இல்லை அல்ல இல்லாத
కాదు లేదు కావు
ಅಲ್ಲ ಇಲ್ಲ
അല്ല ഇല്ല
tidak bukan tak jangan tanpa belum bukanlah
không chẳng chưa đừng chả
hindi wala huwag walang
siyo sio hakuna bila hapana
kò kìí àìní
"""
_NEGATORS = {unicodedata.normalize("NFC", word) for word in _WORDS.split()} - {"ne", "un", "ole", "point", "ما"}
_STEMS = ("değil", "아니", "아닙", "아닌", "아님", "않", "없", "못하", "못한")
_CHARACTERS_OF_NEGATION = ("不", "没", "沒", "非", "無", "无", "未", "别", "莫", "ない", "なく", "ません",
                           "ではな", "じゃな", "ไม่", "มิใช่", "หาไม่", "ບໍ່", "មិន", "គ្មាន", "မဟုတ်", "မ")  # fmt: skip
# Words that hold such a character and negate nothing: very, category, especially, level, doubtless, not bad, right ...
_INNOCENT = regex.compile(
    "非常|莫非|类别|級別|级别|特别|分别|区别|识别|判别|鉴别|个别|性别|差别|毫无疑问|无疑|没错|不错|不仅|不但|不只|未来"
)
# The same of words: no doubt, by far, rather positive (but not: rather than positive), not only ...
_INNOCENT_PHRASES = regex.compile(
    r"\b(?:no (?:doubt|question|wonder)|without (?:a |any )?(?:doubt|question|hesitation)|no hesitation|by far|so far|"
    r"rather(?! than)|instead(?! of)|nothing but|not (?:only|just|merely|surprisingly|least)|no less than|"
    r"(?:sin|sem) (?:duda|dúvida|ninguna duda|qualquer dúvida)|no solo|não só|sans (?:aucun )?doute|pas seulement|"
    r"ohne (?:jeden )?zweifel|nicht nur|senza (?:alcun )?dubbio|non solo|zonder (?:enige )?twijfel|niet alleen|"
    r"без (?:всякого )?сомнения|не только|bez (?:wątpienia|pochyby)|nie tylko|utan tvekan|uden tvivl|uten tvil|"
    r"ei pelkästään|kétség nélkül|nem csak|fără îndoială|nu numai|χωρίς αμφιβολία|tanpa ragu|tidak hanya|"
    r"không chỉ|بدون شک|لا شك|ללא ספק)\b",
    regex.IGNORECASE,
)
_AFTER_ONLY = ("ない", "なく", "ません", "ではな", "じゃな", "မဟုတ်")


def is_negated(text: str, start: int, end: int) -> bool:
    """Whether the label at text[start:end] is negated or questioned."""
    if text[end:].lstrip()[:1] in ("?", "？", "؟"):
        return True
    if has_unspaced(text[start:end]):
        return _negated_by_characters(text, start, end)
    before = _WORD.findall(_INNOCENT_PHRASES.sub(" ", _SENTENCE.split(text[:start])[-1]))[-WORDS_BEFORE:]
    after = _words_after(_INNOCENT_PHRASES.sub(" ", _SENTENCE.split(text[end:])[0]))
    if negates(text[start:end]):  # the label "no" in "No, it is not"
        after = []
    return any(negates(word) for word in (*before, *after)) or _negated_by_characters(text, start, end)


def _words_after(rest: str) -> list[str]:
    """The words after a label that may negate it: the next few of its clause, and the sentence's last ("x, it is not").

    "Neutral - not enough is said" gives a reason. What is no more than two words ("x, not") is no clause of its own.
    """
    words = _WORD.findall(rest)
    clause, *more = _ASIDE.split(rest, maxsplit=1)
    near = _WORD.findall(clause) if more and len(_WORD.findall(more[0])) > 2 else words
    return [*near[:WORDS_AFTER], *words[-1:]] if near is not words else near[:WORDS_AFTER]


def negates(word: str) -> bool:
    """Whether a word is one of negation."""
    plain = unicodedata.normalize("NFC", word).casefold().replace("’", "'")
    return plain in _NEGATORS or plain.endswith(("n't", "n'est", "n'a")) or any(stem in plain for stem in _STEMS)


def _negated_by_characters(text: str, start: int, end: int) -> bool:
    before = _INNOCENT.sub("", _CLAUSE.split(text[:start])[-1])[-CHARACTERS_BEFORE:]
    after = _INNOCENT.sub("", _CLAUSE.split(text[end:])[0])[:CHARACTERS_AFTER]
    early = [each for each in _CHARACTERS_OF_NEGATION if each not in _AFTER_ONLY]
    own = text[start:end]
    return any(each in before and each not in own for each in early) or any(
        each in after for each in _CHARACTERS_OF_NEGATION if each != "မ"
    )
