"""Cases whose words are awkward for a page: markup, emoji, direction marks, very long and very short texts, pictures."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from sqlalchemy import Engine, select, update

from flows.home import paths
from models import Consent, Contributor, Picture, Submission, SubmissionVersion
from models.database import writing
from models.enums import ConsentKind

TITLES = {
    "markup": "<script>document.title='示例'</script>的&研制",
    "emoji": "示例👩‍🔬装置🧪与𬱖字䶮字的改进",
    "directions": "示例\u202eיוצא דופן\u202c与\u200fمثال\u200e的改进",
    "long title": "示例" + "多功能移动平台式钻孔灌浆施工及其配套智能网联监测装置" * 2 + "研制",
    "one word": "示例" + "Pneumonoultramicroscopicsilicovolcanoconiosis" + "x" * 40,
    "long text": "示例长文案例",
    "pictures": "示例带图片的案例",
    "no picture": "示例没有图片的案例",
}


def make_awkward(engine: Engine, home: Path, year: int) -> dict[str, str]:
    """Give the first cases of a season these words; the numbers by what is awkward. Nothing else of them changes."""
    with writing(engine) as session:
        numbers = session.scalars(
            select(Submission.number).where(Submission.season == year).order_by(Submission.number).limit(len(TITLES))
        ).all()
        named = dict(zip(TITLES, numbers, strict=True))
        for kind, number in named.items():
            title = TITLES[kind]
            session.execute(update(Submission).where(Submission.number == number).values(title=title))
            long = "\n".join(f"第{part}段：" + f"{title}的说明。" * 30 for part in range(1, 20))
            texts = {"abstract": (long if kind == "long text" else f"{title}\n{title}")[:5_000], "innovation": "短"}
            version = update(SubmissionVersion).where(SubmissionVersion.number == number)
            session.execute(version.values(content=json.dumps(texts, ensure_ascii=False)))
            people = update(Contributor).where(Contributor.number == number, Contributor.position == 1)
            session.execute(people.values(name="买买提·阿不都热合曼" if kind == "emoji" else f"示例·{title}"[:60]))
        for position, size in enumerate(((1200, 800), (400, 1600)), start=1):
            own = {"number": named["pictures"], "position": position}
            told = {"alt": f"示例图片{position}：<b>装置</b>", "portrait": False, "width": size[0], "height": size[1]}
            session.add(Picture(**own, digest="0" * 64, encoded=_put_picture(home, year, size), **told))
            session.add(Consent(**own, kind=ConsentKind.PICTURE, given=True))
    return named


def _put_picture(home: Path, year: int, size: tuple[int, int]) -> str:
    drawn = Image.new("RGB", size, "#dfe8f5")
    ImageDraw.Draw(drawn).rectangle((size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4), fill="#3a6ea5")
    out = BytesIO()
    drawn.save(out, "WEBP", quality=60)
    encoded = hashlib.sha256(out.getvalue()).hexdigest()
    for path in paths.picture_files(home, year, encoded):
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.save(path, "JPEG" if path.suffix == ".jpg" else "WEBP", quality=60)
    return encoded
