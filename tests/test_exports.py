"""What `import sentri` offers: a name there is a promise."""

import inspect

import pytest

import sentri

FOR_ITSELF = {"TYPE_CHECKING", "Any", "annotations"}


def test_exports_are_sorted_and_unique():
    def constants_classes_functions(name):
        return 0 if name.isupper() else 1 if name[0].isupper() else 2, name

    assert sentri.__all__ == sorted(set(sentri.__all__), key=constants_classes_functions)


def test_every_public_name_is_exported():
    public = {name for name, value in vars(sentri).items() if name[0] != "_" and not inspect.ismodule(value)}
    assert public - FOR_ITSELF <= set(sentri.__all__)


@pytest.mark.parametrize("name", sentri.__all__)
def test_export_resolves(name):
    assert getattr(sentri, name) is not None


@pytest.mark.parametrize("name", sentri.__all__)
def test_exported_class_or_function_has_a_docstring(name):
    value = getattr(sentri, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert value.__doc__, f"sentri.{name} promises nothing"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="create_auth_sever"):
        sentri.create_auth_sever  # noqa: B018 - the look-up is the test
