# Detection alone, on whole scenes. A config adds a model and the scenes.
_base_ = ['spotting.py']

val_evaluator = dict(_delete_=True, type='HmeanIOUMetric')
test_evaluator = val_evaluator
visualizer = dict(type='TextDetLocalVisualizer')
