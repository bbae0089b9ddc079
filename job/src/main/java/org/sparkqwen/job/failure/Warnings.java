package org.sparkqwen.job.failure;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.PrintStream;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;

/// Warnings about a run that continues all the same. Each line is printed once on the console, and `_run.json` has all
/// of them.
public final class Warnings {
    /// The most warnings that are kept, however many the data cause.
    private static final int MOST = 200;

    private static final String MORE = "there are more warnings, which are not shown";

    private final PrintStream console;

    @GuardedBy("this")
    private final Set<String> lines = new LinkedHashSet<>();

    public Warnings(PrintStream console) {
        this.console = console;
    }

    /// Prints a line, unless it was printed before.
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
