package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.input.InputPlan;
import org.sparkqwen.job.input.Piece;
import org.sparkqwen.job.input.PlannedRows;
import org.sparkqwen.job.input.Split;

/// Rows of a plan become intervals, and intervals become pieces of splits.
class PlannedRowsTest {
    private static final Split FIRST = new Split("file:/a", 0, 1000);
    private static final Split EMPTY = new Split("file:/a", 1000, 1000);
    private static final Split LAST = new Split("file:/b", 0, 3000);

    /// The splits have 10 rows of 100 bytes, no rows, and 30 rows of 100 bytes.
    private final PlannedRows planned = PlannedRows.of(List.of(
            new InputPlan(List.of(new InputPlan.PlannedFile(
                    "file:/a",
                    2000,
                    1,
                    List.of(new InputPlan.PlannedSplit(0, 1000, 10), new InputPlan.PlannedSplit(1000, 1000, 0))))),
            new InputPlan(List.of(
                    new InputPlan.PlannedFile("file:/b", 3000, 1, List.of(new InputPlan.PlannedSplit(0, 3000, 30)))))));

    @Test
    void piecesOfIntervalsAreAllRowsOnce() {
        assertThat(planned.rows()).isEqualTo(40);
        assertThat(planned.contains(EMPTY)).isTrue();
        assertThat(planned.pieces(0, 40))
                .containsExactly(new Piece(FIRST, 0, 10, 10, 0), new Piece(LAST, 0, 30, 30, 10));
        assertThat(planned.pieces(8, 13))
                .containsExactly(new Piece(FIRST, 8, 10, 10, 8), new Piece(LAST, 0, 3, 30, 10));
        assertThat(planned.pieces(10, 11)).containsExactly(new Piece(LAST, 0, 1, 30, 10));
        assertThat(planned.pieces(0, 0)).isEmpty();
    }

    @Test
    void bytesAreCountedInPartsOfSplits() {
        assertThat(planned.rowsWithin(500, 0, 40)).isEqualTo(5);
        assertThat(planned.rowsWithin(1500, 0, 40)).isEqualTo(15);
        assertThat(planned.rowsWithin(1500, 8, 40)).isEqualTo(15);
        assertThat(planned.rowsWithin(1, 0, 40)).as("one at least").isEqualTo(1);
        assertThat(planned.rowsWithin(1_000_000, 5, 40)).isEqualTo(35);
    }

    @Test
    void workIsInBytesOfFilesAndElsewhereInRows() {
        assertThat(planned.work(0)).isZero();
        assertThat(planned.work(5)).isEqualTo(500);
        // The split without rows is skipped on the way to the next row.
        assertThat(planned.work(10)).isBetween(1000.0, 2000.0);
        assertThat(planned.work(40)).isEqualTo(5000);
        assertThat(planned.work(25)).isGreaterThan(planned.work(20));

        InputPlan.PlannedSplit all = new InputPlan.PlannedSplit(0, 0, 40);
        PlannedRows elsewhere = PlannedRows.of(List.of(
                new InputPlan(List.of(new InputPlan.PlannedFile(Split.WHOLE_SOURCE.path(), 0, 1, List.of(all))))));
        assertThat(elsewhere.work(30)).isEqualTo(30);
    }

    @Test
    void intervalsAreAsLongAsAskedForOrGoByTime() {
        assertThat(new IntervalSize(15L, null, 600).end(planned, 30, 40, List.of(), 1))
                .isEqualTo(40);
        assertThat(new IntervalSize(15L, null, 600).end(planned, 0, 40, List.of(), 1))
                .isEqualTo(15);
        assertThat(new IntervalSize(15L, 500L, 600).end(planned, 0, 40, List.of(), 1))
                .isEqualTo(5);
        assertThat(new IntervalSize(null, 2000L, 600).end(planned, 0, 40, List.of(), 1))
                .isEqualTo(20);
        IntervalSize byTime = new IntervalSize(null, null, 600);
        assertThat(byTime.end(planned, 0, 40, List.of(), 2)).isEqualTo(32);
        PlannedRows many = PlannedRows.of(List.of(new InputPlan(List.of(
                new InputPlan.PlannedFile("file:/c", 1, 1, List.of(new InputPlan.PlannedSplit(0, 1, 1_000_000)))))));
        assertThat(byTime.end(many, 100, 1_000_000, List.of(commit(100, 200)), 2))
                .as("half a row a second, ten minutes")
                .isEqualTo(400);
        assertThat(byTime.end(many, 100, 1_000_000, List.of(commit(100, 1)), 2))
                .as("not more than eight times the one before")
                .isEqualTo(900);
        assertThat(byTime.end(many, 100, 1_000_000, List.of(commit(100, 60_000)), 2))
                .as("not so few that cores are idle")
                .isEqualTo(132);
    }

    /// If an interval looked at all files, or a look at the progress did, this would take minutes.
    @Test
    @Timeout(20)
    @Tag("slow")
    void intervalsOfAnInputOfManyFilesLookAtTheirOwnFiles() {
        int count = 200_000;
        List<InputPlan.PlannedFile> files = new ArrayList<>();
        for (int file = 0; file < count; file++) {
            files.add(new InputPlan.PlannedFile(
                    "file:/in/%07d".formatted(file), 10, 1, List.of(new InputPlan.PlannedSplit(0, 10, 2))));
        }
        InputPlan plan = new InputPlan(files);
        List<InputPlan> parts = plan.parts();
        assertThat(parts).hasSize(4);
        assertThat(parts.stream().flatMap(part -> part.files().stream())).containsExactlyElementsOf(files);
        PlannedRows many = PlannedRows.of(parts);
        for (int file = 0; file < count; file++) {
            long from = 2L * file;
            assertThat(many.pieces(from, from + 2)).hasSize(1);
            assertThat(many.origins(from, from + 2).of(from + 1).row()).isEqualTo(1);
            assertThat(many.origin(from + 1).file()).endsWith("%07d".formatted(file));
            assertThat(many.work(from + 1)).isEqualTo(10.0 * file + 5);
            assertThat(many.rowsWithin(10, from, 2L * count)).isEqualTo(2);
        }
    }

    @Test
    void rowsHaveTheirOrigins() {
        assertThat(planned.origin(9)).isEqualTo(new Origin("file:/a", 9));
        assertThat(planned.origin(10)).isEqualTo(new Origin("file:/b", 0));
        assertThat(planned.origin(-1).isKnown()).isFalse();
        assertThat(planned.origin(40).isKnown()).isFalse();
        assertThat(PlannedRows.of(List.of(), "query").origin(0).isKnown()).isFalse();
        for (long row = 0; row < 40; row++) {
            assertThat(planned.origins(0, 40).of(row)).isEqualTo(planned.origin(row));
        }
    }

    private static Commit commit(long rows, double seconds) {
        return new Commit(0, 0, rows, List.of(), List.of(), 0, 0, 0, List.of(), 0, 0, seconds, 0, "test", Map.of());
    }

    @Test
    void aPieceTakesItsRowsAndNoticesAChangedSplit() {
        assertThat(take(new Piece(FIRST, 2, 5, 10, 2), 10)).containsExactly(2L, 3L, 4L);
        assertThat(take(new Piece(FIRST, 0, 10, 10, 0), 10)).hasSize(10);
        for (int rows : List.of(4, 0)) {
            assertChangeIsNoticed(new Piece(FIRST, 2, 5, 10, 2), rows);
        }
        assertChangeIsNoticed(new Piece(FIRST, 2, 10, 10, 2), 11);
    }

    private static void assertChangeIsNoticed(Piece piece, int rows) {
        assertThatThrownBy(() -> take(piece, rows)).hasMessageContaining("file:/a has changed while it was read");
    }

    private static List<Long> take(Piece piece, int rows) {
        List<Long> taken = new ArrayList<>();
        piece.of(LongStream.range(0, rows).iterator()).forEachRemaining(taken::add);
        return taken;
    }
}
