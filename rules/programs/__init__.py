"""Grammars at work: the programs that say which rules are applied, in which order, how often.

    count        arithmetic in N            candidates   where a rule applies next, found lazily
    instruction  a program's form           execution    running a program
    creators     creation as a condition    cases        packs of small grammars

A grammar itself is data: see `grammar`.
"""
