package org.sparkqwen.job.errors;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.input.Origins;
import org.sparkqwen.job.spark.RowNumber;

/// Reasons are counted by kind, and rows are reported with their origin.
class ErrorKindsTest {
    @Test
    void reasonsThatDifferInNumbersAreOfOneKindWithTheFirstRowAsExample() {
        ErrorKinds task = kinds(new ErrorKind("token id 9,000 is outside the vocabulary of 8192", 1, 30));
        ErrorKinds driver = kinds(
                new ErrorKind("token id 8200 is outside the vocabulary of 8192", 1, 40),
                new ErrorKind("the text is null", 1, RowNumber.NONE),
                new ErrorKind("the text is null", 1, 7));
        driver.merge(task);
        assertThat(ErrorKind.sorted(driver.value().values()))
                .containsExactly(
                        new ErrorKind("the text is null", 2, 7),
                        new ErrorKind("token id 9,000 is outside the vocabulary of 8192", 2, 30));
        assertThat(driver.copy().value()).isEqualTo(driver.value());
        driver.reset();
        assertThat(driver.isZero()).isTrue();
        assertThat(task.isZero()).isFalse();
    }

    @Test
    void reasonsWithoutEndStayFewAndLoseNoRow() {
        ErrorKinds kinds = new ErrorKinds();
        for (int i = 0; i < 1000; i++) {
            String name =
                    Integer.toString(i).replace('0', 'a').replace('1', 'b').replace('2', 'c');
            kinds.add(new ErrorKind("column " + name.repeat(100).replaceAll("\\d", "x") + i % 7, 1, i));
        }
        for (char letter = 'a'; letter <= 'z'; letter++) {
            kinds.add(new ErrorKind("reason " + letter, 1, letter));
        }
        assertThat(kinds.value()).hasSizeLessThanOrEqualTo(21).containsKey("other reasons");
        assertThat(ErrorKind.total(kinds.value().values())).isEqualTo(1026);
        assertThat(kinds.value().keySet()).allMatch(key -> key.length() <= 200);
    }

    @Test
    void originsAreRowsOfFiles() {
        Origins origins = new Origins(List.of(
                new Origins.Stretch("file:/in/a.json", 100, 0),
                new Origins.Stretch("file:/in/a.json", 130, 30),
                new Origins.Stretch("file:/in/b.json", 150, 0)));
        assertThat(origins.of(100)).isEqualTo(new Origin("file:/in/a.json", 0));
        assertThat(origins.of(135)).isEqualTo(new Origin("file:/in/a.json", 35));
        assertThat(origins.of(151)).hasToString("/in/b.json row 1");
        assertThat(origins.of(99).isKnown()).isFalse();
        assertThat(origins.of(RowNumber.NONE).isKnown()).isFalse();
        assertThat(new Origins(List.of()).of(3).isKnown()).isFalse();
    }

    @Test
    void ratesAreJudgedByAllRowsOfAnInterval() {
        ErrorPolicy usual = new ErrorPolicy(ErrorPolicy.OnError.KEEP, null);
        assertThat(usual.isExceeded(499, 499, true)).isFalse(); // too few rows
        assertThat(usual.isExceeded(500, 1000, true)).isFalse();
        assertThat(usual.isExceeded(501, 1000, false)).isTrue();
        ErrorPolicy strict = new ErrorPolicy(ErrorPolicy.OnError.DROP, 0.0);
        assertThat(strict.isExceeded(1, 10, false)).isFalse();
        assertThat(strict.isExceeded(1, 10, true)).isTrue();
        ErrorPolicy fail = new ErrorPolicy(ErrorPolicy.OnError.FAIL, 1.0);
        assertThat(fail.isExceeded(0, 10, true)).isFalse();
        assertThat(fail.isExceeded(1, 10, false)).isTrue();
    }

    private static ErrorKinds kinds(ErrorKind... kinds) {
        ErrorKinds all = new ErrorKinds();
        List.of(kinds).forEach(all::add);
        return all;
    }
}
