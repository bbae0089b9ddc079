package org.sparkqwen.job.cli;

import picocli.CommandLine.Model.OptionSpec;

/// The shape of what an option takes, for callers whose values have types, such as functions of SQL.
public enum ValueShape {
    /// `true` or `false`; the command line has no value.
    FLAG("true or false"),

    /// `on` or `off`.
    SWITCH("on or off"),

    TEXT("one text"),

    NUMBER("one number"),

    /// Token ids, with commas on the command line.
    IDS("token ids"),

    /// Several values, each of which repeats the option on the command line.
    SEVERAL("one value or an array of them"),

    /// Several lists of token ids.
    SEVERAL_IDS("one array of token ids or several"),

    /// Keys with a value each.
    MAP("a map");

    private final String what;

    ValueShape(String what) {
        this.what = what;
    }

    /// Returns what an option takes, from what its help says of the value.
    static ValueShape of(OptionSpec option) {
        boolean ids = option.paramLabel().equals("IDS");
        if (option.arity().max() == 0) {
            return FLAG;
        }
        if (option.typeInfo().isMap()) {
            return MAP;
        }
        if (option.isMultiValue()) {
            return ids ? SEVERAL_IDS : SEVERAL;
        }
        if (option.paramLabel().equals("on|off")) {
            return SWITCH;
        }
        Class<?> type = option.typeInfo().getType();
        boolean number = type.isPrimitive() || Number.class.isAssignableFrom(type);
        return ids ? IDS : number ? NUMBER : TEXT;
    }

    /// Returns whether a list stands for more than one value.
    public boolean isList() {
        return this == IDS || this == SEVERAL || this == SEVERAL_IDS || this == MAP;
    }

    /// Returns what an option of this shape takes, for a person.
    @Override
    public String toString() {
        return what;
    }
}
