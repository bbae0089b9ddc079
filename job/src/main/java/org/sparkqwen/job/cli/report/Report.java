package org.sparkqwen.job.cli.report;

import java.io.PrintStream;
import java.util.List;
import org.sparkqwen.job.errors.BadData;
import org.sparkqwen.job.failure.Console;

/// The summary on the console at the end of a run.
public final class Report {
    private final Console out;

    public Report(PrintStream out) {
        this.out = new Console(out);
    }

    public void title(String title) {
        out.println("");
        out.println(title);
    }

    public void lines(List<String> lines) {
        lines.forEach(line -> out.println("  " + line));
    }

    public void badData(BadData badData) {
        if (!badData.leftOut().isEmpty()) {
            out.printf("  left out    %s%n", badData.leftOut());
        }
        if (badData.rows() == 0) {
            return;
        }
        String where = badData.aside() == null ? "" : ", put aside in " + badData.aside();
        out.printf("  errors      %s%s%n", JobSummary.count(badData.rows(), "row"), where);
        badData.commonest().forEach(common -> out.printf("              %s%n", common));
    }

    public void page(String page) {
        out.printf("  report      %s%n", page);
    }

    public void written(String output, String format, String manifest) {
        out.printf("  output      %s (%s), %s%n", output, format, manifest);
    }
}
