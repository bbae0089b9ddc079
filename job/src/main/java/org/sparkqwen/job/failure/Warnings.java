package org.sparkqwen.job.failure;

import java.io.PrintStream;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;

/// What a person should know of a run that goes on all the same: each line once on the console, and all of them in
/// `_run.json`.
public final class Warnings {
    /// So many at most, whatever data makes of them.
    private static final int MOST = 200;

    private static final String MORE = "there are more warnings, which are not shown";

    private final PrintStream console;
    private final Set<String> lines = new LinkedHashSet<>();

    public Warnings(PrintStream console) {
        this.console = console;
    }

    /// Says a line, unless it was said before.
    public synchronized void add(String line) {
        String shown = lines.size() < MOST ? Quote.line(line) : MORE;
        if (lines.add(shown)) {
            console.println("warning: " + shown);
        }
    }

    public void addAll(Collection<String> lines) {
        lines.forEach(this::add);
    }

    public synchronized List<String> lines() {
        return List.copyOf(lines);
    }
}
