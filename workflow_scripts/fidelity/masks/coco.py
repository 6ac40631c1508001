"""Masks in COCO's layouts: a list of results, or a whole file with images and annotations."""

from collections import Counter, defaultdict
from pathlib import PurePosixPath
from typing import Any

from pycocotools import mask as coco

from fidelity.base.errors import InputError
from fidelity.masks.polygons import raise_unless_polygons
from fidelity.masks.run_lengths import RLE, Masks, check_encoding, check_size

# The class name of the only category in a file; it matches every class.
ONLY = ""
REMEDY = "See docs/importing.md for the layouts that are read"


def is_coco(content: object) -> bool:
    """Check whether a JSON file has one of the two layouts."""
    return isinstance(content, list) or (
        isinstance(content, dict)
        and isinstance(content.get("images"), list)
        and isinstance(content.get("annotations"), list)
    )


def masks_of(content: Any, path: object, min_score: float) -> Masks:
    """Merge the instances of each image and category to one mask.

    Args:
        content: the content of the file. In a list of results, `image_id` is the case id. In a
            whole file, the case id is `file_name` without its ending, with or without its folder.
            An image without annotations has empty masks.
        min_score: instances with a lower `score` are left out.

    Returns:
        {case: {category: encoding}}. A category appears under its id as text and, if the file gives
        one, under its name. If there is only one category, it also appears as ONLY.

    Raises:
        InputError: an entry has no mask, masks of one image differ in size, or two images or
            categories have the same name.
    """
    whole = isinstance(content, dict)
    images = _by_id(content["images"], path, "images") if whole else {}
    names = _by_id(content.get("categories", []), path, "categories") if whole else {}
    _check_names(images, names, path)
    entries = content["annotations"] if whole else content
    instances: dict[str, dict[str, list[RLE]]] = defaultdict(lambda: defaultdict(list))
    for number, entry in enumerate(entries):
        field = f"{'annotations' if whole else 'result'} {number}"
        image, category, encoding = _instance(entry, images, whole, path, field)
        # An instance below the score still shows that the image was processed, and its size.
        score = entry.get("score")
        if score is not None and type(score) not in (int, float):
            raise InputError("the score is not a number", file=path, field=field, remedy=REMEDY)
        kept = score is None or score >= min_score
        instances[image][category].append(encoding if kept else _empty(encoding["size"]))
    categories = {*names, *(category for found in instances.values() for category in found)}
    for key, image in images.items():
        for category in categories:
            size = _size(image, path, f"images {key}")
            instances[key][category] = instances[key][category] or [_empty(size)]
    masks = {
        image: {category: _joined(found, path, image) for category, found in by_category.items()}
        for image, by_category in instances.items()
    }
    for by_category in masks.values():
        by_category |= {
            str(names[category].get("name")): mask
            for category, mask in by_category.items()
            if category in names
        }
        if len(categories) == 1:
            by_category[ONLY] = by_category[next(iter(categories))]
    return {case: masks[key] for key in masks for case in _cases(key, images)}


def _by_id(entries: list[Any], path: object, field: str) -> dict[str, dict[str, Any]]:
    if not all(isinstance(entry, dict) and "id" in entry for entry in entries):
        raise InputError("an entry has no id", file=path, field=field, remedy=REMEDY)
    found = {str(entry["id"]): entry for entry in entries}
    if len(found) < len(entries):
        repeated = Counter(str(entry["id"]) for entry in entries).most_common(1)[0][0]
        raise InputError(
            f"the id {repeated!r} occurs twice",
            file=path,
            field=field,
            remedy="Give every entry its own id",
        )
    return found


def _check_names(
    images: dict[str, dict[str, Any]], categories: dict[str, dict[str, Any]], path: object
) -> None:
    """Refuse two ids with the same name, because their masks could not be distinguished."""
    names = [(key, "images", "file_name", _cases(key, images)[0]) for key in images]
    names += [
        (key, "categories", "name", str(entry["name"]))
        for key, entry in categories.items()
        if entry.get("name") is not None
    ]
    seen: dict[tuple[str, str], str] = {}
    for key, field, what, name in names:
        if (other := seen.setdefault((field, name), key)) != key:
            raise InputError(
                f"the ids {other!r} and {key!r} have the same {what}, {name!r}",
                file=path,
                field=field,
                remedy="Merge them into one id, or correct one of the two names",
            )


def _instance(
    entry: Any, images: dict[str, dict[str, Any]], whole: bool, path: object, field: str
) -> tuple[str, str, RLE]:
    if not isinstance(entry, dict) or not {"image_id", "category_id"} <= entry.keys():
        raise InputError(
            "image_id or category_id is missing", file=path, field=field, remedy=REMEDY
        )
    image, shape = str(entry["image_id"]), entry.get("segmentation")
    if whole and image not in images:
        raise InputError(
            f"the file lists no image {image!r}", file=path, field=field, remedy=REMEDY
        )
    if isinstance(shape, list) and shape and whole:
        height, width = _size(images[image], path, field)
        raise_unless_polygons(shape, path, field)
        try:
            shape = coco.merge(coco.frPyObjects(shape, height, width))
        except Exception as error:
            raise InputError(
                "the polygons are not valid", file=path, field=field, remedy=REMEDY
            ) from error
        shape = {"size": [height, width], "counts": shape["counts"].decode("ascii")}
    if not isinstance(shape, dict):
        raise InputError(
            "segmentation is not a run-length encoding",
            file=path,
            field=field,
            remedy="Give masks as run lengths. Boxes are not read. Polygons are read only in a"
            " file with images and their sizes",
        )
    return image, str(entry["category_id"]), check_encoding(shape, path, field)


def _size(image: dict[str, Any], path: object, field: str) -> list[int]:
    size = [image.get("height"), image.get("width")]
    check_size(size, path, field)
    return size


def _empty(size: list[int]) -> RLE:
    encoding = coco.frPyObjects({"size": size, "counts": [size[0] * size[1]]}, *size)
    return {"size": size, "counts": encoding["counts"].decode("ascii")}


def _joined(found: list[RLE], path: object, image: str) -> RLE:
    if any(mask["size"] != found[0]["size"] for mask in found):
        raise InputError(
            "masks of one image differ in size",
            file=path,
            field=image,
            remedy="Write all masks of an image at the image's size",
        )
    if len(found) == 1:
        return found[0]
    joined = coco.merge([{**mask, "counts": mask["counts"].encode()} for mask in found])
    return {"size": found[0]["size"], "counts": joined["counts"].decode("ascii")}


def _cases(key: str, images: dict[str, dict[str, Any]]) -> list[str]:
    """Return the case ids that may refer to an image."""
    if not images:
        return [key]
    name = _file_name(images[key], key)
    stems = [_file_name(image, "").stem for image in images.values()]
    whole = str(name.with_suffix("")) if name.name else key
    return [whole, name.stem] if stems.count(name.stem) == 1 else [whole]


def _file_name(image: dict[str, Any], default: str) -> PurePosixPath:
    return PurePosixPath(str(image.get("file_name", default)).replace("\\", "/"))
