"""img2dataset over a list of URLs. Runs in its own environment.

Usage: img2dataset_download.py LIST OUTPUT PROCESSES THREADS PER_SHARD SIDE. SIDE 0 keeps each picture as it came. Its answer
is one line, the seconds of its work without the interpreter's start and its imports.
"""

import sys
import time

from img2dataset import download


def main(urls: str, output: str, processes: str, threads: str, per_shard: str, side: str) -> None:
    as_it_came = side == "0"
    begun = time.perf_counter()
    download(
        url_list=urls,
        input_format="txt",
        output_folder=output,
        output_format="webdataset",
        processes_count=int(processes),
        thread_count=int(threads),
        number_sample_per_shard=int(per_shard),
        resize_mode="no" if as_it_came else "keep_ratio",
        resize_only_if_bigger=True,
        skip_reencode=as_it_came,
        image_size=int(side) or 256,
        compute_hash="sha256",
        extract_exif=False,
        timeout=30,
        retries=0,
        enable_wandb=False,
    )
    print(time.perf_counter() - begun, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
