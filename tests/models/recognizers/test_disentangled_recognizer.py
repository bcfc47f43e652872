import numpy as np
import pytest
import torch
from mmengine.structures import LabelData, PixelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

from mmocr_siga.models.losses.bce_dice_loss import bce_dice_loss
from mmocr_siga.models.losses.reconstruction_loss import reconstruction_loss
from mmocr_siga.models.losses.style_alignment_loss import style_distance
from mmocr_siga.models.recognizers.disentangled_recognizer import mask_boxes, pair_words
from mmocr_siga.rendering.plain import draw_plain_in_box, rewritten_box
from tests.helpers.disentangled import CHARACTERS, SIZE, batch, images, pair, tiny_disentangled
from tests.helpers.words import sample

WORDS = (('ab', 'c'), ('x1', 'yz9'))


def built(**changes):
    return MODELS.build(tiny_disentangled(**changes))


def reached(model):
    """Parts of the model in which any weight has a gradient."""
    parts = dict(
        trunk=model.backbone, decoder=model.decoder, image=model.image_head.decoder,
        content=[model.encoder.to_content, model.encoder.content_blocks],
        style=[model.encoder.to_style, model.encoder.style_blocks, model.encoder.gates])
    return {name for name, part in parts.items()
            if any(p.grad is not None and p.grad.any() for module in (
                part if isinstance(part, list) else [part]) for p in module.parameters())}


@pytest.mark.parametrize('loss, parts', [
    ('loss_image', {'trunk', 'style', 'image'}), ('loss_erase', {'trunk', 'style', 'image'}),
    ('loss_align', {'trunk', 'style'}), ('loss_mask', {'trunk', 'style', 'image'}),
    ('loss_word', {'trunk', 'content', 'decoder'})])
@pytest.mark.parametrize('trunk_gradient', ['both', 'style', 'content'])
def test_tasks_do_not_mix(loss, parts, trunk_gradient):
    model = built(encoder=dict(trunk_gradient=trunk_gradient))
    model.loss(**batch(model, *WORDS))[loss].backward()
    mine = 'content' if loss == 'loss_word' else 'style'
    assert reached(model) == (parts if trunk_gradient in ('both', mine) else parts - {'trunk'})


@pytest.mark.parametrize('texts', [WORDS[:1], (('', 'a'), ('b', '')), (('', ''), ('', '')),
                                   (*WORDS, ('', 'same'), ('abcdefghij', 'q'))])
@pytest.mark.parametrize('half', [False, True])
def test_batches_of_one_with_empty_and_with_long_labels(texts, half):
    model = built()
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        losses = model.loss(**batch(model, *texts))
    assert losses.keys() == {'loss_word_visual', 'loss_word_semantic', 'loss_word', 'loss_image',
                             'loss_erase', 'loss_mask', 'loss_align', 'style_spread'}
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(value.isfinite() and value.dtype == torch.float32 for value in losses.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize('own_text', [False, True])
def test_the_losses_are_those_of_the_drawings(own_text):
    model = built().eval()
    model.image_head.own_text = own_text
    data = batch(model, *WORDS)
    pictures = (data['inputs'] * 64 + 127) / 255
    words = pair_words(data['data_samples'])
    masks = torch.stack([word.gt_text_mask.data for word in words])
    with torch.no_grad():
        losses = model.loss(**data)

        def drawn(style, text):
            return model.image_head.edit(model.features(data['inputs'][style]),
                                         torch.stack([words[n].gt_prompt.data for n in text]))

        image = erase = mask = 0
        first, second = [0, 1], [2, 3]
        for style, text in [(first, second), (second, first)] + [(first, first)] * own_text:
            result = drawn(style, text)
            image += reconstruction_loss(result.image, pictures[text], masks[style] | masks[text])
            mask += bce_dice_loss(result.coverage, masks[text])
        for style in (first, second):
            result = drawn(style, style)
            erase += reconstruction_loss(result.board, pictures[4:], masks[style])
            mask += bce_dice_loss(result.source_mask, masks[style])
        styles = [model.features(data['inputs'][each]).style for each in (first, second)]
    for name, value in dict(image=5 * image, erase=5 * erase, mask=mask,
                            align=style_distance(*styles)).items():
        assert losses[f'loss_{name}'].item() == pytest.approx(value.item(), rel=1e-4)
    assert losses['style_spread'].item() == pytest.approx(
        style_distance(styles[0][:1], styles[0][1:]).item(), rel=1e-4)


@pytest.mark.parametrize('image', [{}, CHARACTERS])
def test_an_empty_prompt_leaves_the_board_and_no_prompt_changes_it(image):
    model = built(image=image).eval()
    with torch.no_grad():
        erased = model.erase(images(2))
        edited = [model.edit(images(2), texts) for texts in (('', 'ab'), ('q', ''), ('abc', '1'))]
    for each in edited:
        assert torch.allclose(each.board, erased.board, atol=1e-6)
        assert torch.allclose(each.source_mask, erased.source_mask, atol=1e-6)
        x = each.coverage * each.paint + (1 - each.coverage) * each.board
        assert torch.allclose(each.image, x, atol=1e-6)
    assert torch.equal(edited[0].image[0], edited[0].board[0])
    assert torch.equal(edited[1].image[1], edited[1].board[1])
    assert (edited[2].image - edited[2].board).abs().amax((1, 2, 3)).gt(1e-3).all()
    assert not torch.allclose(edited[0].image[1], edited[2].image[1], atol=1e-4)


@pytest.mark.parametrize('prompt', [{}, CHARACTERS])
def test_closed_gates_hide_the_prompt(prompt):
    model = built(image=dict(prompt, gate_init=0.)).eval()
    with torch.no_grad():
        first, second = (model.edit(images(2), texts).image for texts in (('a', 'b'), ('cde', '7')))
    assert torch.equal(first, second)


@pytest.mark.parametrize('image', [{}, CHARACTERS])
@pytest.mark.parametrize('split', ['channels', 'tokens'])
def test_a_batch_is_edited_as_each_alone(image, split):
    model = built(image=image, encoder=dict(split=split)).eval()
    texts = ('a', '', 'longer')
    with torch.no_grad():
        together = model.edit(images(3), texts)
        for n, text in enumerate(texts):
            alone = model.edit(images(3)[n:n + 1], [text])
            for one, other in zip(alone, together):
                assert torch.allclose(one[0], other[n], atol=1e-5)
    assert together.image.shape == (3, 3, *SIZE) and together.coverage.shape == (3, 1, *SIZE)
    assert all(0 <= each.min() and each.max() <= 1 for each in together)


def test_reading_needs_no_image_head():
    model = built().eval()
    reader = built(image_head=None).eval()
    for checkpoint in (model.state_dict(), reader.state_dict()):
        reader.load_state_dict(checkpoint)
    reader.load_state_dict(model.state_dict())
    words = [sample('a'), sample('b')]
    with torch.no_grad():
        first, second = ([word.pred_text.item for word in each.predict(images(2), words)]
                         for each in (model, reader))
        assert first == second
    with pytest.raises(ValueError, match='this model reads only'):
        reader.erase(images(1))
    losses = reader.loss(**batch(reader, *WORDS))
    assert losses.keys() == {'loss_word_visual', 'loss_word_semantic', 'loss_word'}


def test_single_words_train_the_reading_alone():
    model = built()
    losses = model.loss(images(2), [sample('ab', targets=False), sample('', targets=False)])
    sum(losses.values()).backward()
    assert reached(model) == {'trunk', 'content', 'decoder'}


def test_what_cannot_be_is_told():
    model = built()
    with pytest.raises(ValueError, match='2 pictures need as many texts, got 1'):
        model.edit(images(2), ['a'])
    with pytest.raises(ValueError, match='1 pictures need as many old_texts, got 2'):
        model.edit(images(1), ['a'], old_texts=['a', 'b'])
    with pytest.raises(ValueError, match="'a\\\\ue000' cannot be drawn: the plain face lacks"):
        model.edit(images(1), ['a\ue000'])
    with pytest.raises(ValueError, match="'a!' cannot be written: the dictionary lacks '!'"):
        built(image=CHARACTERS).edit(images(1), ['a!'])
    with pytest.raises(ValueError, match='let the pipeline end in PackPairInputs'):
        model.loss(images(3), [sample('a')])
    with pytest.raises(ValueError, match='1 pairs come as three pictures each'):
        model.loss(images(2), [pair('a', 'b')['data_samples']])


def test_boxes_are_around_the_text():
    masks = torch.zeros(3, 1, 6, 9)
    masks[0, 0, 2:4, 3:8] = 0.9
    masks[2, 0, 1:5, 2:6] = 0.6
    assert mask_boxes(masks) == [(3, 2, 8, 4), (0, 0, 9, 6), (2, 1, 6, 5)]
    masks = torch.zeros(1, 1, 40, 100)
    masks[0, 0, 10:30, 20:80] = 0.9
    masks[0, 0, 3, 5] = masks[0, 0, 38, 90] = 0.9  # strays
    assert mask_boxes(masks) == [(20, 10, 80, 30)]


@pytest.mark.parametrize('read, old', [('ab', None), ('xq', ['ab', 'Ab', 'AB'])])
def test_a_new_text_is_as_large_as_the_old_one_as_read_or_as_told(monkeypatch, read, old):
    """What the model reads has no letter case; the ink of 'ab', 'Ab' and 'AB' has."""
    model, box, inks = built().eval(), (4, 3, 28, 13), ('ab', 'Ab', 'AB')
    masks = torch.from_numpy(np.stack([draw_plain_in_box(SIZE, box, ink) for ink in inks])) / 255.
    asked = []

    def said(probabilities, samples):
        assert len(probabilities) == len(samples) == 3
        for sample_ in samples:
            sample_.pred_text = LabelData(item=read)
        return samples

    monkeypatch.setattr(model.decoder, 'postprocessor', said)
    monkeypatch.setattr(model.image_head, 'source_mask', lambda features: masks[:, None])
    of_texts = model.image_head.decoder.prompt.of_texts
    monkeypatch.setattr(model.image_head.decoder.prompt, 'of_texts', lambda texts, boxes, size: (
        asked.extend(boxes), of_texts(texts, boxes, size))[1])
    model.edit(images(3), ['gg'] * 3, old_texts=old)
    wanted = [rewritten_box(each, ink, 'gg', SIZE)
              for each, ink in zip(mask_boxes(masks[:, None]), inks)]
    assert asked == wanted and len(set(wanted)) == 3
    del asked[:]
    model.edit(images(3), ['gg'] * 3, [box] * 3)
    assert asked == [box] * 3


COLORS = (((20, 40, 200), (230, 220, 40)), ((240, 240, 240), (10, 10, 10)),
          ((30, 120, 60), (250, 240, 230)), ((120, 20, 30), (240, 160, 60)))
FOUR = (('ab', 'cd'), ('xy', 'go'), ('t4', 'me'), ('no', 'up'))


def drawn_pair(words, colors):
    board, paint = (np.float32(color)[:, None, None] for color in colors)
    inks = [draw_plain_in_box(SIZE, (3, 2, 29, 14), word) for word in words]
    shown = [board + ink / np.float32(255) * (paint - board) for ink in inks]
    packed = TextRecogDataSample(gt_text=LabelData(item=words[0]),
                                 gt_text_pair=LabelData(item=words[1]))
    packed.gt_prompts = PixelData(data=torch.from_numpy(np.stack(inks)))
    packed.gt_text_mask = PixelData(data=packed.gt_prompts.data > 127)
    packed.set_metainfo(dict(valid_ratio=1., img_shape=SIZE, drawn_texts=words))
    shown.append(np.broadcast_to(board, shown[0].shape))
    return dict(inputs=torch.from_numpy(np.stack(shown).round().astype(np.uint8)),
                data_samples=packed)


def in_mask_psnr(image, wanted, mask):
    return -10 * (image - wanted).square()[mask.expand_as(image)].mean().log10().item()


def test_four_pairs_are_learned_by_heart():
    """Ten thousand weights, 250 steps: read right, boards in their colors, and each word rewritten
    as the other one better than 14 dB in the ink of both; a copy has 6."""
    torch.manual_seed(0)
    model, steps = built(), 250
    pairs = [drawn_pair(*each) for each in zip(FOUR, COLORS)]
    data = model.data_preprocessor({key: [each[key] for each in pairs] for key in pairs[0]}, True)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for step in range(steps):
        optimizer.param_groups[0]['lr'] = 1e-2 * min(1, (step + 1) / 10, 2 * (1 - step / steps))
        losses = model.loss(**data)
        optimizer.zero_grad()
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.)
        optimizer.step()
    model.eval()
    first, second = ([words[side] for words in FOUR] for side in (0, 1))
    pictures = (data['inputs'] * 64 + 127) / 255
    masks = torch.cat([torch.stack([each['data_samples'].gt_text_mask.data[side] for each in pairs])
                       for side in (0, 1)])[:, None]
    with torch.no_grad():
        edited = model.edit(data['inputs'][:8], second + first, [(3, 2, 29, 14)] * 8)
        words = model.predict(data['inputs'][:8], [sample('') for _ in range(8)])
    assert [word.pred_text.item for word in words] == first + second
    wanted, both = pictures[:8].roll(4, 0), masks | masks.roll(4, 0)
    assert in_mask_psnr(pictures[:8], wanted, both) < 10
    assert in_mask_psnr(edited.image, wanted, both) > 14
    assert in_mask_psnr(edited.board, pictures[8:].repeat(2, 1, 1, 1), masks) > 25
