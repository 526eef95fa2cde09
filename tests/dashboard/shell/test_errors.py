from streamlit.testing.v1 import AppTest


def broken() -> None:
    import streamlit as st

    from dashboard.shell import errors
    from data_access.errors import InvalidInput, StoreUnavailable

    with errors.caught():
        raise ValueError("secret of the code")
    with errors.caught():
        raise InvalidInput("The file has no column Order: add it.")
    with errors.caught():
        raise StoreUnavailable("The database cannot be reached.")
    with errors.caught():
        st.stop()
    st.write("never reached: stopping a page is no error")


def test_errors_are_sentences() -> None:
    app = AppTest.from_function(broken).run()
    first, second, third = (error.value for error in app.error)
    assert first.startswith("This part of the page could not be shown. Reload the page;")
    assert "secret" not in first
    assert second == "The file has no column Order: add it."
    assert third == "The database cannot be reached. This page tries again by itself."
    assert not app.exception
    assert not app.markdown
