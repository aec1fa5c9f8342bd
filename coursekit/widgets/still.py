"""What all widgets share: a picture of themselves beside them, for saved notebooks and pages without widgets."""

import io
from base64 import b64encode

import anywidget


class WidgetWithStill(anywidget.AnyWidget):
    """A widget whose output holds a PNG too, where `still` draws one."""

    def still(self):
        """A matplotlib Figure of the widget, or None where there is nothing to show."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        figure = self.still() if bundle is not None else None
        if figure is None:
            return bundle
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100)
        return {**data, "image/png": b64encode(buffer.getvalue()).decode()}, metadata

    if hasattr(anywidget.AnyWidget, "_ipython_display_"):  # ipywidgets 7 displays itself, and asks for no bundle

        def _ipython_display_(self, **kwargs):
            from IPython.display import display

            bundle = self._repr_mimebundle_()
            if bundle is not None:
                data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
                display(data, metadata=metadata, raw=True)
