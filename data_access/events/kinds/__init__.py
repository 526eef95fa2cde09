"""The kinds of events, by topic: each module declares one as `KIND`. `data_access.events.registry` finds them by themselves."""
