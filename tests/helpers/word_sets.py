"""Made-up sets of words in every form, and a recognizer that reads them as a test wants."""
import json

import cv2
import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.structures import LabelData
from mmocr.registry import MODELS, TASK_UTILS
from torch import nn

FIRST, STEP = 10, 10
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]


def word_image(number):
    """A PNG whose gray level tells the number of the word: 10 for the first, then 20, 30, ..."""
    level = FIRST + STEP * number
    return cv2.imencode('.png', np.full((8, 16, 3), level, np.uint8))[1].tobytes()


def put_lmdb(path, entries):
    """Put entries into a database, which is made if missing; those of None are left out."""
    import lmdb
    with lmdb.open(str(path), map_size=1 << 22) as env, env.begin(write=True) as transaction:
        for key, value in entries.items():
            if value is not None:
                transaction.put(key.encode(), value)
    return path


def write_lmdb(folder, words, first=0, images=None):
    """Write a database in the field's layout; its images begin with the number ``first``."""
    images = images or [word_image(first + i) for i in range(len(words))]
    entries = {'num-samples': str(len(words)).encode()}
    for i, (word, image) in enumerate(zip(words, images), 1):
        entries[f'image-{i:09d}'] = image
        entries[f'label-{i:09d}'] = None if word is None else word.encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    return put_lmdb(folder, entries)


def write_json(path, words, first=0):
    """Write a set as MMOCR's JSON, with its images beside it."""
    data = [dict(img_path=image, instances=[dict(text=word)])
            for image, word in zip(_write_images(path, words, first), words)]
    metainfo = dict(dataset_type='TextRecogDataset', task_name='textrecog')
    path.write_text(json.dumps(dict(metainfo=metainfo, data_list=data)))
    return path


def write_tsv(path, words, first=0):
    """Write a set as a table, with its images beside it."""
    images = _write_images(path, words, first)
    path.write_text(''.join(f'{image}\t{word}\n' for image, word in zip(images, words)))
    return path


def write_boxed_sets(root, others=()):
    """Folders of words like the real ones: two sets with boxes, ``others`` without."""
    for name in ('iiit5k_train', 'ic03_train', *others):
        folder = root / 'real' / name
        (folder / 'images').mkdir(parents=True)
        lines = []
        for number, text in enumerate(["Ab'c", 'xy']):
            image = np.full((20, 60, 3), 220, np.uint8)
            cv2.putText(image, text, (3, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
            cv2.imwrite(str(folder / 'images' / f'{number}.png'), image)
            lines.append(f'images/{number}.png\t{text}\n')
        for split in ('train', 'val'):
            (folder / f'{split}.tsv').write_text(''.join(lines))
    (root / 'real/iiit5k_train/char_boxes.tsv').write_text(
        'images/0.png\tAbc\t0,0,15,20;15,5,15,10;45,0,15,20\nimages/1.png\txz\t0,0,9,9;9,0,9,9\n')
    (root / 'real/ic03_train/char_boxes.tsv').write_text(
        "images/0.png\tAb'c\t120.0\t40.0\t30,60,90\nimages/1.png\txy\t100.0\t50.0\t25\n")
    return root


def _write_images(path, words, first):
    folder = path.parent / f'{path.stem}_images'
    folder.mkdir(parents=True)
    for i in range(len(words)):
        (folder / f'{i}.png').write_bytes(word_image(first + i))
    return [f'{folder.name}/{i}.png' for i in range(len(words))]


@MODELS.register_module()
class ScriptedRecognizer(BaseModel):
    """Reads the number of a word off its image, and answers what ``answers`` has at that place.

    It has as many weights as the dictionary has classes.
    """

    def __init__(self, answers, dictionary):
        super().__init__(data_preprocessor=dict(type='TextRecogDataPreprocessor'))
        self.answers = list(answers)
        self.decoder = nn.Module()
        self.decoder.dictionary = TASK_UTILS.build(dict(dictionary))
        self.decoder.classifier = nn.Linear(2, self.decoder.dictionary.num_classes)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        assert mode == 'predict' and not torch.is_grad_enabled()
        for image, sample in zip(inputs, data_samples):
            number = (float(image.float().mean()) - FIRST) / STEP
            assert abs(number - round(number)) < 0.05
            text = self.answers[round(number)]
            sample.pred_text = LabelData(item=text, score=[0.5] * len(text))
        return data_samples
