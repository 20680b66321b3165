"""Turns interface contracts (*.iface) into C: types, a validating codec, facades and skeletons.

One stage per file, in the order they run:

    lexer, parser   text -> model, with the position of everything
    check, sizes    is it sound: ordinals, bounds, defaults, worst-case sizes
    names           what each thing is called in C, and whether two things get one name
    lock            would it break peers of what was published
    canonical       the normal form: what is hashed, and what introspection shows
    emit_header     NAME.h      emit_source, emit_codec  NAME.c
    emit_cddl       NAME.cddl   emit_docs, emit_html     NAME.md, NAME.html
    layout          the file itself, laid out anew

__main__ is the command: interfaces/troupe-idl, or `troupe-idl` where it is installed.
"""
