def test_each_use_of_what_is_pending_is_noted_and_no_problem(read):
    """With its line, so that nobody relies on what does nothing yet."""
    loaded = read(
        """
[integrations.a]
base_url = "https://a"
websocket = true
auth = { type = "google", credentials = "env:A" }

"""
    )

    assert loaded.config is not None
    assert [str(each).removeprefix("config.toml:") for each in loaded.notes] == [
        "5: integrations.a.auth.type: note: auth type 'google' is not carried by an installed plugin yet: "
        "calls are answered with 503",
    ]


def test_a_file_that_uses_nothing_pending_has_no_notes(read):
    """Silence is the normal case."""
    assert (
        read('[integrations.a]\nprovider = "stripe"\nauth = { type = "bearer", token = "env:A" }').notes == ()
    )
