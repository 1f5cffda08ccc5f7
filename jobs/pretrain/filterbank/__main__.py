"""Write the banks and their cards to the folder that refine ships."""

from jobs.pretrain.filterbank.backbones import FOLDER, write

if __name__ == "__main__":
    for path in write(FOLDER):
        print(path)
