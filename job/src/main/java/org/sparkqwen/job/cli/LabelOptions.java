package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.job.columns.LabelSource;
import org.sparkqwen.job.failure.Refusal;
import picocli.CommandLine.Option;

/// The options that say which labels may follow a prompt.
final class LabelOptions {
    /// The names of these options, as a person gives them.
    static final List<String> NAMES = List.of("--labels", "--labels-file", "--labels-column", "--numeric");

    @Option(
            names = "--labels",
            paramLabel = "LABEL",
            description = "These are the labels, with commas between them. White space belongs to a label, and most"
                    + " words need a space before them to follow a prompt: --labels ' good, bad'. Labels with commas"
                    + " in them are given one by one: --labels 'yes, surely' --labels no.")
    private List<String> labels = new ArrayList<>();

    @NamesFile
    @Option(names = "--labels-file", paramLabel = "FILE", description = "Each line of this file is a label.")
    private @Nullable String labelsFile;

    @Option(
            names = "--labels-column",
            paramLabel = "NAME",
            description = "This column holds the labels of each row. It is array<string>.")
    private @Nullable String labelsColumn;

    @Option(
            names = "--numeric",
            description = "The labels are numbers, such as 0,1,2,3,4,5, and value is the expected value: the sum of"
                    + " the numbers, each times its probability.")
    private boolean numeric;

    /// Whether the labels are numbers.
    boolean numeric() {
        return numeric;
    }

    /// Returns the labels, or the column that has them. From then on the option has one label in each value, in the
    /// manifest and in the run's identity.
    LabelSource source() {
        int given = (labels.isEmpty() ? 0 : 1) + (labelsFile == null ? 0 : 1) + (labelsColumn == null ? 0 : 1);
        if (given != 1) {
            throw Refusal.usage("give %s --labels, --labels-file and --labels-column"
                    .formatted(given == 0 ? "the labels with one of" : "only one of"));
        }
        if (labelsColumn != null) {
            return new LabelSource.FromColumn(labelsColumn);
        }
        if (labels.size() == 1) {
            labels = List.of(labels.getFirst().split(",", -1)); // several are labels already, whatever is in them
        }
        String option = labelsFile == null ? "--labels" : "--labels-file";
        List<String> names = labelsFile == null
                ? labels
                : OptionFile.text(option, labelsFile).lines().toList();
        try {
            Labels all = new Labels(names);
            if (numeric) {
                all.numbers();
            }
            return new LabelSource.Fixed(all);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("%s: %s".formatted(option, e.getMessage()));
        }
    }
}
