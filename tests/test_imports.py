"""Folders lie on floors. No import leads to a higher one, and none around in a circle."""
import ast
import subprocess
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / 'mmocr_siga'

# From the ground up; on one floor folders may import each other. Those of the models count one by
# one, and 'models' is their common __init__.py.
FLOORS = [floor.split() for floor in '''
    version images
    compat
    mmocr_siga
    text structures geometry
    rendering
    datasets
    models.layers models.data_preprocessors models.pseudo_labels
    models.utils models.preprocessors
    models.necks models.backbones models.target_generators
    models.encoders
    models.losses
    models.decoders
    models.heads models.detectors
    models.recognizers models.plugins
    models.spotters
    models.pretrainers
    models
    evaluation
    visualization
    inference
    export
    engine
    apis
    demo_page
    cli
    __main__
'''.strip().splitlines()]


def folder(module):
    parts = module.split('.')[1:]
    return '.'.join(parts[:2 if parts[0] == 'models' else 1]) if parts else 'mmocr_siga'


def imported(path):
    """Modules of ours that a file imports: anywhere, in functions and for types alone as well."""
    package = ['mmocr_siga', *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) + 1 - node.level] if node.level else []
            base = '.'.join([*base, *filter(None, [node.module])])
            names = [f'{base}.{alias.name}' for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split('.')[0] == 'mmocr_siga')


def module_of(name):
    """The module in which a dotted name lies."""
    while name != 'mmocr_siga':
        path = PACKAGE.joinpath(*name.split('.')[1:])
        if path.is_dir() or path.with_suffix('.py').is_file():
            break
        name = name.rpartition('.')[0]
    return name


def test_no_import_leads_up_or_around():
    edges = defaultdict(set)  # from pairs of folders to the files that import the second
    for path in PACKAGE.rglob('*.py'):
        module = '.'.join(['mmocr_siga', *path.relative_to(PACKAGE).with_suffix('').parts])
        source = folder(module.replace('.__init__', ''))
        for target in {folder(module_of(name)) for name in imported(path)} - {source}:
            edges[source, target].add(str(path.relative_to(PACKAGE)))
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    assert not {name for pair in edges for name in pair} - set(floor), 'give these a floor'
    assert not {f'{source} -> {target}': files for (source, target), files in edges.items()
                if floor[target] > floor[source]}
    below = defaultdict(set)
    for source, target in edges:
        below[source].add(target)
    TopologicalSorter(below).prepare()  # raises CycleError


def test_a_folder_exports_what_is_its_own():
    foreign = {str(path.relative_to(PACKAGE)): sorted(
        name for name in imported(path)
        if not name.startswith('.'.join(['mmocr_siga', *path.relative_to(PACKAGE).parts[:-1]])))
        for path in PACKAGE.rglob('*/__init__.py')}
    del foreign['apis/__init__.py']  # made for that
    foreign['cli/__init__.py'].remove('mmocr_siga.version.__version__')
    assert not {path: names for path, names in foreign.items() if names}


def test_every_component_is_found_without_being_imported_by_name():
    script = 'import sys, mmocr_siga; mmocr_siga.register(); print(*sys.modules)'
    loaded = subprocess.run([sys.executable, '-c', script], check=True, capture_output=True,
                            text=True, cwd=PACKAGE.parent).stdout.split()
    components = ['.'.join(['mmocr_siga', *path.relative_to(PACKAGE).with_suffix('').parts])
                  for path in PACKAGE.rglob('*.py')
                  if '.register_module' in path.read_text(encoding='utf-8')]
    assert len(components) > 100 and not set(components) - set(loaded)
