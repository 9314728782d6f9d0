"""What keeps a service within its means, and lets an operator see and steer it.

Limits on what comes in (`BodyLimit`, `HeaderLimit`), on how much at once (`ConcurrencyLimit`) and how often
(`RateLimit`), and a switch that takes the app off the air (`Maintenance`). Each refuses with a finished answer.
"""
